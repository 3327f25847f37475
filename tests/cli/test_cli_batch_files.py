"""``pulse batch``: what rows say is honoured or refused by name, and a bad row stops no other."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from pulse.common.v1 import enums_pb2
from tests.client.fake_gateway import FakeGateway

Pulse = Callable[..., Result]
GOOD = {"user_id": "u", "to": "a@example.org", "template_name": "t"}


@pytest.fixture
def batch(pulse: Pulse, tmp_path: Path) -> Callable[..., tuple[Result, list[dict[str, Any]]]]:
    """Sends a file of this content; gives how the command ended and the rows of its errors file."""

    def run(content: str | bytes, name: str = "people.csv", *options: str) -> tuple[Result, list[dict[str, Any]]]:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        ran = pulse("batch", path, *options)
        errors = path.with_name(path.name + ".errors.jsonl")
        return ran, [json.loads(line) for line in errors.read_text().splitlines()] if errors.exists() else []

    return run


Batch = Callable[..., tuple[Result, list[dict[str, Any]]]]


def test_every_field_that_a_cell_can_hold_is_honoured(batch: Batch, gateway: FakeGateway) -> None:
    ran, _ = batch(
        "user_id,to,template_name,channel,priority,locale,subject,send_at,ttl,delivery_guarantee,validate_only,"
        "idempotency_key,metadata.team,context.priority,name\n"
        "u,a@example.org,t,SMS,High,de-AT,Hello,2030-01-02T03:04+01:00,1h30m,at_most_once,true,k,blue,7,Ann\n"
        "u,b@example.org,t,,,,,,,,,,,,Bea\n"
    )
    assert ran.exit_code == 0, ran.stderr
    first, second = gateway.notifications.requests
    assert (first.channel, first.priority, first.locale) == (enums_pb2.SMS, enums_pb2.HIGH, "de-AT")
    assert (first.subject, first.idempotency_key, dict(first.metadata)) == ("Hello", "k", {"team": "blue"})
    assert first.send_at.ToJsonString() == "2030-01-02T02:04:00Z"
    assert (first.ttl.seconds, first.validate_only) == (5400, True)
    assert first.delivery_guarantee == enums_pb2.AT_MOST_ONCE
    assert dict(first.context) == {"priority": "7", "name": "Ann"}
    assert not (second.HasField("send_at") or second.HasField("ttl") or second.validate_only or second.priority)


def test_an_expiry_is_honoured(batch: Batch, gateway: FakeGateway) -> None:
    ran, _ = batch("user_id,to,template_name,expires_at\nu,a@x.org,t,2030-01-02T03:04:05Z\n")
    assert ran.exit_code == 0, ran.stderr
    assert gateway.notifications.requests[0].expires_at.ToJsonString() == "2030-01-02T03:04:05Z"


@pytest.mark.parametrize(
    "content",
    [
        "user_id;to;template_name;name\nu;a@x.org;t;Ann, Bea\n",
        "user_id\tto\ttemplate_name\tname\nu\ta@x.org\tt\tAnn, Bea\n",
        "user_id|to|template_name|name\nu|a@x.org|t|Ann, Bea\n",
        "sep=;\nuser_id;to;template_name;name\nu;a@x.org;t;Ann, Bea\n",
        "\ufeffuser_id;to;template_name;name\r\nu;a@x.org;t;Ann, Bea\r\n",
        'user_id, to ,template_name,name\nu,a@x.org,t,"Ann, Bea"\n',
        "\ufeffuser_id\tto\ttemplate_name\tname\r\nu\ta@x.org\tt\tAnn, Bea\r\n".encode("utf-16-le"),
        "\ufeffuser_id;to;template_name;name\r\nu;a@x.org;t;Ann, Bea\r\n".encode("utf-16-be"),
        'user_id,to,template_name,name\ru,a@x.org,t,"Ann, Bea"\r',
    ],
)
def test_files_are_read_as_spreadsheets_write_them(batch: Batch, gateway: FakeGateway, content: str | bytes) -> None:
    ran, _ = batch(content)
    assert ran.exit_code == 0, ran.stderr
    (request,) = gateway.notifications.requests
    assert (request.user_id, request.to, dict(request.context)) == ("u", "a@x.org", {"name": "Ann, Bea"})


#: A column's name, between quotation marks.
QUOTED = ["a;b", "a,b", "a\tb", "a|b", ";", 'say ""hi"";', "a,b;c\td|e"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_quoted_column_name_may_hold_any_separator(batch: Batch, gateway: FakeGateway, separator: str) -> None:
    for name in QUOTED:
        for own in (("user_id", "to", "template_name"), ('"user_id"', '"to"', '"template_name"')):
            rows = [(*own, f'"{name}"'), ("u", "a@x.org", "t", f'"{name}"')]
            ran, _ = batch("\n".join(separator.join(cells) for cells in rows), "people.csv", "--again")
            assert ran.exit_code == 0, ran.stderr
            said = name.replace('""', '"')
            assert dict(gateway.notifications.requests[-1].context) == {said: said}


def test_a_first_line_in_quotes_without_the_columns_is_told_of_the_separator_that_finds_most(batch: Batch) -> None:
    ran, _ = batch('"user_id";"too";"template"\nu;a@x.org;t\n')
    assert (ran.exit_code, "'template', which looks like template_name" in ran.stderr) == (2, True), ran.stderr


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("user_id,template_name,channel\nu,t,push\nv,t,PUSH\n", ()),
        ("user_id;channel;name\nu;Push;Ann\nv;push;Bea\n", ("--template", "t")),
        ("\ufeffchannel\tuser_id\r\npush\tu\r\npush\tv\r\n", ("--template", "t")),
        ("user_id,channel\nu,\nv,\n", ("--template", "t", "--channel", "push")),
        ("user_id\nu\nv\n", ("--template", "t", "--channel", "push")),
        ("user_id|template_name\nu|t\nv|t\n", ("--channel", "PUSH")),
        ("sep=;\nuser_id;template_name\nu;t\nv;t\n", ("--channel", "push")),
    ],
)
def test_a_file_that_says_its_channel_needs_no_column_to(
    batch: Batch, gateway: FakeGateway, content: str, options: tuple[str, ...]
) -> None:
    ran, errors = batch(content, "people.csv", *options)
    assert (ran.exit_code, errors) == (0, []), ran.stderr
    assert [(request.user_id, request.to) for request in gateway.notifications.requests] == [("u", ""), ("v", "")]


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("user_id,template_name,channel\nu,t,push\nv,t,sms\nw,t,push\n", ()),
        ("user_id,template_name,channel\nu,t,push\nv,t,Email\nw,t,push\n", ("--channel", "sms")),
        ("user_id,template_name,channel\nu,t,push\nv,t,\nw,t,push\n", ("--channel", "sms")),
    ],
)
def test_a_row_of_another_channel_needs_an_address_of_its_own(
    batch: Batch, gateway: FakeGateway, content: str, options: tuple[str, ...]
) -> None:
    ran, errors = batch(content, "people.csv", *options)
    assert [request.user_id for request in gateway.notifications.requests] == ["u", "w"]
    assert [(error["error"]["row"], error["error"]["message"]) for error in errors] == [(2, "to is missing")]
    assert ran.exit_code == 1


def test_a_row_of_the_templates_channel_is_the_gateways_to_judge(batch: Batch, gateway: FakeGateway) -> None:
    _, errors = batch("user_id,template_name,channel\nu,t,\nv,t,push\n")  # t is a template of mails
    assert [request.user_id for request in gateway.notifications.requests] == ["u", "v"]
    assert [(error["error"]["row"], error["error"]["reason"]) for error in errors] == [(1, "INVALID_FIELDS")]


@pytest.mark.parametrize("options", [("--template", "t"), ("--template", "t", "--channel", "sms")])
def test_a_file_without_addresses_for_a_channel_that_needs_them_is_refused(
    batch: Batch, gateway: FakeGateway, options: tuple[str, ...]
) -> None:
    ran, _ = batch("user_id,name\nu,Ann\n", "people.csv", *options)
    assert (ran.exit_code, "has no column to" in ran.stderr) == (2, True), ran.stderr
    assert not gateway.notifications.calls


@pytest.mark.parametrize("name", ["rows", "rows.log", "rows.CSV"])
def test_a_file_of_another_name_is_told_by_how_it_begins(batch: Batch, gateway: FakeGateway, name: str) -> None:
    assert batch("user_id,to,template_name\nu,a@x.org,t\n", name)[0].exit_code == 0
    if name != "rows.CSV":
        assert batch("\n" + json.dumps(GOOD), name)[0].exit_code == 0
        assert len(gateway.notifications.stored) == 2


def test_blank_rows_and_empty_cells_too_many_are_nothing(batch: Batch, gateway: FakeGateway) -> None:
    ran, errors = batch("user_id,to,template_name,\nu,a@x.org,t,\n\n,,,\n  , ,,\nu,b@x.org,t,,,\nu,c@x.org,t, \n\n")
    assert (ran.exit_code, errors) == (0, []), ran.stderr
    assert [request.to for request in gateway.notifications.requests] == ["a@x.org", "b@x.org", "c@x.org"]
    assert "3 accepted" in ran.stderr


#: A row that cannot be, its number, and what is said of it.
BAD_ROWS = [
    ("u,bad@x.org", "it has 2 cells for 4 columns"),
    ("u,bad@x.org,t,n,more", "it has a cell under no column"),
    ('"u"x,bad@x.org,t,n', "it is not CSV"),
    ('u,"bad@x.org,t,n', "it is not CSV"),
    ('u,bad@x.org,t,"n', "it is not CSV"),
    ("u,bad@x.org,t," + "x" * 200_000, "it is not CSV: field larger than"),
    (b"u,bad@x.org,t,\xff\xfe", "it is not UTF-8 text"),
    (b"u,bad@x.org,t,J\xfcrgen", "it is not UTF-8 text"),
    (b"u,bad@x.org,t,\xed\xa0\x80", "it is not UTF-8 text"),
    ("u,bad@x.org,,n", "template_name is missing"),
]


@pytest.mark.parametrize(("row", "told"), BAD_ROWS)
def test_a_bad_row_of_csv_stops_no_other_and_its_number_is_told(
    batch: Batch, gateway: FakeGateway, row: str | bytes, told: str
) -> None:
    bad = row.encode() if isinstance(row, str) else row
    ran, errors = batch(b"user_id,to,template_name,name\nu,a@x.org,t,n\n" + bad + b"\nu,b@x.org,t,n\nu,c@x.org,t,n\n")
    assert [request.to for request in gateway.notifications.requests] == ["a@x.org", "b@x.org", "c@x.org"]
    assert [(error["error"]["row"], error["error"]["reason"]) for error in errors] == [(2, "BAD_ROW")]
    assert told in errors[0]["error"]["message"]
    assert (ran.exit_code, "row 2: BAD_ROW: " in ran.stderr, "3 accepted, 1 failed" in ran.stderr) == (1, True, True)


def lines_of(*more: Any) -> list[str]:
    return [json.dumps({**GOOD, "to": "a@x.org"}), *more, json.dumps({**GOOD, "to": "b@x.org"})]


#: Times of a year that is none any more, or not yet, in UTC.
NO_UTC = [
    "0001-01-01T00:00+01:00",
    "0001-01-01T23:58:59.999999+23:59",
    "9999-12-31T23:59:59-01:00",
    "9999-12-31T23:30-00:31",
]

BAD_LINES = [
    (json.dumps({**GOOD, "context": {"name": "\ud83d"}}), "context.name holds half of a character"),
    (json.dumps({**GOOD, "context": {"a": [{"b": "\ude00\ud83d"}]}}), "context.a[0].b holds half"),
    (json.dumps({**GOOD, "context": {"\ud83d": 1}}), "a name in context holds half"),
    (json.dumps({**GOOD, "\ud83d": 1}), "there is no field"),
    (json.dumps({**GOOD, "user_id": "\ud83d"}), "user_id holds half"),
    (json.dumps({**GOOD, "metadata": {"a": "\ud83d"}}), "metadata.a holds half"),
    (json.dumps({**GOOD, "schedule_at": "2030-01-01T00:00Z"}), "there is no field 'schedule_at'"),
    (json.dumps({**GOOD, "sendat": "x", "dry_run": True}), "there is no field 'dry_run', 'sendat'"),
    (
        json.dumps({**GOOD, "fallbacks": [{"channel": "sms", "to": "+1", "afer": "5s"}]}),
        "fallbacks[0] has no field 'afer'",
    ),
    (json.dumps({**GOOD, "fallbacks": [{"to": "+1"}]}), "fallbacks[0].channel is missing"),
    (json.dumps({**GOOD, "fallbacks": {"channel": "sms"}}), "fallbacks must be a list"),
    (json.dumps({**GOOD, "fallbacks": ["sms"]}), "fallbacks[0] must be an object"),
    (json.dumps(GOOD)[:-1] + ', "to": "c@x.org"}', "'to' stands twice"),
    (json.dumps(GOOD)[:-1] + ', "context": {"a": {"b": 1, "b": 2}}}', "'b' stands twice"),
    (json.dumps(GOOD)[:-1] + ', "context": {"a": NaN}}', "NaN is no number"),
    (json.dumps(GOOD)[:-1] + ', "context": {"a": -Infinity}}', "-Infinity is no number"),
    (json.dumps(GOOD)[:-1] + ', "context": {"a": ' + "9" * 400 + "}}", "a number that is too large"),
    (json.dumps(GOOD)[:-1] + ', "context": {"a": ' + "9" * 5_000 + "}}", "a number of too many digits"),
    (json.dumps(GOOD)[:-1] + ', "context": {"a": ' + "[" * 32 + "]" * 32 + "}}", "context is nested more than 32 deep"),
    (json.dumps(GOOD)[:-1] + ', "context": {"a": ' + "[" * 60 + "]" * 60 + "}}", "context is nested more than 32 deep"),
    (json.dumps(GOOD)[:-1] + ', "context": {"a": ' + "[" * 99_999 + "]" * 99_999 + "}}", "nested too deeply"),
    (json.dumps({**GOOD, "user_id": 7}), "user_id must be text"),
    (json.dumps({**GOOD, "to": True}), "to must be text"),
    (json.dumps({**GOOD, "ttl": 5}), "ttl must be text"),
    (json.dumps({**GOOD, "ttl": "soon"}), "'soon' is no length of time"),
    (json.dumps({**GOOD, "ttl": "99999999999999999999d"}), "too long"),
    (json.dumps({**GOOD, "priority": "urgent"}), "'urgent' is no priority; there are HIGH, LOW"),
    (json.dumps({**GOOD, "channel": "x" * 30_000}), "…"),
    (json.dumps({**GOOD, "delivery_guarantee": "twice"}), "'twice' is no deliveryguarantee"),
    (json.dumps({**GOOD, "validate_only": "maybe"}), "validate_only must be true or false"),
    (json.dumps({**GOOD, "validate_only": 1}), "validate_only must be true or false"),
    (json.dumps({**GOOD, "context": ["a"]}), "context must be an object"),
    (json.dumps({**GOOD, "metadata": {"a": None}}), "metadata must hold text alone"),
    (json.dumps({**GOOD, "send_at": "0000-01-01T00:00:00Z"}), "send_at is no time"),
    *((json.dumps({**GOOD, "send_at": time}), "send_at lies outside the years 1 to 9999 in UTC") for time in NO_UTC),
    *((json.dumps({**GOOD, "expires_at": time}), "expires_at lies outside the years") for time in NO_UTC),
    ('{"user_id": "u", "to":', "it is not JSON"),
    ("user_id,to", "it is not JSON"),
    ("\0", "it is not JSON"),
    ("null", "it is not a JSON object"),
    (b'{"user_id": "\xff"}', "it is not UTF-8 text"),
]


@pytest.mark.parametrize(("line", "told"), BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_bad_line_stops_no_other_and_its_number_is_told(
    batch: Batch, gateway: FakeGateway, line: str | bytes, told: str
) -> None:
    before, after = (each.encode() for each in lines_of())
    bad = line.encode() if isinstance(line, str) else line
    ran, errors = batch(b"\n".join([before, b"", bad, after, b""]), "people.jsonl")
    assert [request.to for request in gateway.notifications.requests] == ["a@x.org", "b@x.org"]
    assert [(error["error"]["row"], error["error"]["reason"]) for error in errors] == [(3, "BAD_ROW")]
    assert told in errors[0]["error"]["message"]
    assert (ran.exit_code, "row 3: BAD_ROW: " in ran.stderr) == (1, True)


@pytest.mark.parametrize("time", NO_UTC)
def test_a_bad_time_in_a_cell_stops_no_other_row(batch: Batch, gateway: FakeGateway, time: str) -> None:
    ran, errors = batch(f"user_id,to,template_name,send_at\nu,a@x.org,t,{time}\nu,b@x.org,t,\n")
    assert [request.to for request in gateway.notifications.requests] == ["b@x.org"]
    assert [(error["error"]["row"], error["error"]["reason"]) for error in errors] == [(1, "BAD_ROW")]
    assert ran.exit_code == 1


@pytest.mark.parametrize("time", ["0001-01-01T00:00Z", "0001-01-01T01:00+01:00", "9999-12-31T22:59:59-01:00"])
def test_a_time_of_the_first_or_last_year_is_the_gateways_to_judge(
    batch: Batch, gateway: FakeGateway, time: str
) -> None:
    ran, _ = batch(json.dumps({**GOOD, "send_at": time}), "people.jsonl")
    assert ran.exit_code == 0, ran.stderr
    (request,) = gateway.notifications.requests
    assert request.send_at.ToDatetime(dt.UTC) == dt.datetime.fromisoformat(time)


def test_jsonl_takes_all_that_rest_takes(batch: Batch, gateway: FakeGateway) -> None:
    fallbacks = [{"channel": "sms", "to": "+15551234567", "after": "30s"}, {"channel": "PUSH"}]
    more = {"fallbacks": fallbacks, "ttl": "1.5s", "delivery_guarantee": "AT_MOST_ONCE", "validate_only": True}
    ran, _ = batch(json.dumps({**GOOD, **more, "locale": None, "channel": None}), "people.jsonl")
    assert ran.exit_code == 0, ran.stderr
    (request,) = gateway.notifications.requests
    assert [(each.channel, each.to, each.after.seconds) for each in request.fallbacks] == [
        (enums_pb2.SMS, "+15551234567", 30),
        (enums_pb2.PUSH, "", 0),
    ]
    assert (request.ttl.nanos, request.validate_only) == (500_000_000, True)
    assert request.delivery_guarantee == enums_pb2.AT_MOST_ONCE


def test_the_deepest_context_is_taken(batch: Batch, gateway: FakeGateway) -> None:
    line = json.dumps(GOOD)[:-1] + ', "context": {"a": ' + "[" * 31 + "]" * 31 + "}}"
    assert batch(line, "people.jsonl")[0].exit_code == 0


def test_an_errors_file_that_cannot_be_written_is_one_sentence(pulse: Pulse, tmp_path: Path) -> None:
    (tmp_path / "people.jsonl").write_text("none")
    (tmp_path / "people.jsonl.errors.jsonl").mkdir()
    ran = pulse("batch", tmp_path / "people.jsonl")
    assert (ran.exit_code, len(ran.stderr.splitlines())) == (1, 1)
    assert "people.jsonl.errors.jsonl" in ran.stderr


def test_a_json_array_is_one_sentence(batch: Batch, gateway: FakeGateway) -> None:
    ran, _ = batch(json.dumps([GOOD]), "people.json")
    assert (ran.exit_code, "is a JSON array: write its objects one to a line" in ran.stderr) == (2, True)
    assert not gateway.notifications.calls


@pytest.mark.parametrize(
    "arguments",
    [
        ["send", "t", "--user", "u", "--to", "a@x.org", "--var", "a=1", "--var", "a=2"],
        ["send", "t", "--user", "u", "--to", "a@x.org", "--label", "a=1", "--label", "a=1"],
        ["send", "t", "--user", "u", "--to", "a@x.org", "--context", '{"a": 1, "a": 2}'],
        ["send", "t", "--user", "u", "--to", "a@x.org", "--context", '{"a": {"b": 1, "b": 2}}'],
        ["send", "t", "--user", "u", "--to", "a@x.org", "--context", '{"a": NaN}'],
        ["send", "t", "--user", "u", "--to", "a@x.org", "--context", '{"a": "\\ud83d"}'],
        ["send", "t", "--user", "u", "--to", "a@x.org", "--var", "a=\udcff"],
        ["send", "t", "--user", "\udcff", "--to", "a@x.org"],
        ["template", "preview", "t", "--var", "a=1", "--var", "a=2"],
    ],
)
def test_what_is_given_twice_or_is_no_text_is_refused(pulse: Pulse, gateway: FakeGateway, arguments: list[str]) -> None:
    ran = pulse(*arguments)
    assert ran.exit_code == 2, ran.output
    assert not gateway.notifications.calls and isinstance(ran.exception, SystemExit)


def test_a_template_file_with_a_name_twice_is_refused(pulse: Pulse, tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    file.write_text('{"name": "t", "channel": "email", "contents": [{"body": "a", "body": "b"}]}', encoding="utf-8-sig")
    ran = pulse("template", "create", "--file", file)
    assert (ran.exit_code, "'body' stands twice" in ran.stderr) == (2, True), ran.output
