"""``pulse batch``: files of notifications."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from typer.testing import Result

from pulse.common.v1 import enums_pb2
from pulse_client import Client, PulseError, Sent
from services.cli.batch import run
from services.cli.batch.file import BatchFile
from services.cli.batch.row import Row
from services.cli.batch.run import BatchRun, Stopped
from shared.errors import Code
from shared.errors import PulseError as Refusal
from tests.client.fake_gateway import AWAY, LIMITED, FakeGateway

Pulse = Callable[..., Result]

#: As often as the client itself tries one call.
ALL_TRIES = [AWAY] * 5

CSV = """\ufeffuser_id,to,template_name,channel,name,context.to
u1,ann@example.org,welcome,email,"Ann, the first",there
u2,nowhere,welcome,,Bea,
u3,cem@example.org,,,Cem,
u4,dan@example.org,welcome,pigeon,Dan,
u5,eve@example.org,welcome,,Eve
u6,fay@example.org,nothing,,Fay,
"""


@pytest.fixture
def rows(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file into an empty folder."""

    def write(text: str, name: str = "people.csv") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def errors_of(file: Path) -> list[tuple[int, str]]:
    lines = file.with_name(file.name + ".errors.jsonl").read_text().splitlines()
    return [(error["row"], error["reason"]) for error in (json.loads(line)["error"] for line in lines)]


def test_csv_columns_become_requests_and_bad_rows_are_told_one_by_one(
    pulse: Pulse, gateway: FakeGateway, rows: Callable[..., Path]
) -> None:
    file = rows(CSV)
    ran = pulse("batch", file, "--json", "--priority", "high")
    assert ran.exit_code == 1
    assert json.loads(ran.stdout) | {"errors": 0} == {
        "total": 6,
        "accepted": 1,
        "replayed": 0,
        "failed": 5,
        "untried": 0,
        "errors": 0,
    }
    first = gateway.notifications.requests[0]
    assert (first.user_id, first.channel, first.priority) == ("u1", enums_pb2.EMAIL, enums_pb2.HIGH)
    assert dict(first.context) == {"name": "Ann, the first", "to": "there"}
    assert sorted(errors_of(file)) == [
        (2, "INVALID_FIELDS"),
        (3, "BAD_ROW"),
        (4, "BAD_ROW"),
        (5, "BAD_ROW"),
        (6, "TEMPLATE_NOT_FOUND"),
    ]
    assert file.with_name("people.csv.errors.jsonl").stat().st_mode & 0o077 == 0
    assert "1 accepted, 5 failed" in ran.stderr


def test_options_stand_in_for_what_rows_leave_out(
    pulse: Pulse, gateway: FakeGateway, rows: Callable[..., Path]
) -> None:
    file = rows("user_id,to,template_name\nu1,a@example.org,\nu2,b@example.org,other\n")
    assert pulse("batch", file, "--template", "welcome", "--channel", "sms").exit_code == 0
    assert [request.template_name for request in gateway.notifications.requests] == ["welcome", "other"]
    assert {request.channel for request in gateway.notifications.requests} == {enums_pb2.SMS}
    assert not file.with_name("people.csv.errors.jsonl").exists()


def test_the_same_file_again_makes_nothing_twice_unless_asked(
    pulse: Pulse, gateway: FakeGateway, rows: Callable[..., Path]
) -> None:
    file = rows("user_id,to,template_name\nu1,a@example.org,t\nu1,a@example.org,t\n")
    assert "2 accepted" in pulse("batch", file).stderr
    ran = pulse("batch", file)
    assert (ran.exit_code, "0 accepted, 2 accepted before" in ran.stderr) == (0, True)
    assert len(gateway.notifications.stored) == 2
    pulse("batch", file, "--again")
    assert len(gateway.notifications.stored) == 4


def test_the_errors_file_can_be_put_right_and_sent(
    pulse: Pulse, gateway: FakeGateway, rows: Callable[..., Path]
) -> None:
    pulse("batch", rows("user_id,to,template_name,name\nu1,a@example.org,t,Ann\nu2,nowhere,t,Bea\n"))
    errors = rows("", "x").with_name("people.csv.errors.jsonl")
    errors.write_text(errors.read_text().replace("nowhere", "bea@example.org"))
    ran = pulse("batch", errors)
    assert ran.exit_code == 0, ran.stderr
    last = gateway.notifications.requests[-1]
    assert (last.to, last.context["name"]) == ("bea@example.org", "Bea")
    assert last.idempotency_key == gateway.notifications.requests[1].idempotency_key


def test_jsonl_takes_the_fields_of_a_request(pulse: Pulse, gateway: FakeGateway, rows: Callable[..., Path]) -> None:
    whole = {
        "user_id": "u",
        "to": "a@example.org",
        "template_name": "t",
        "channel": "push",
        "priority": "high",
        "locale": "de",
        "subject": "S",
        "context": {"a": [1]},
        "metadata": {"b": "c"},
        "send_at": "2030-01-01T00:00:00Z",
        "idempotency_key": "mine",
    }
    wrong = [
        '{"user_id": "u"',
        "[]",
        json.dumps({**whole, "colour": "red"}),
        json.dumps({**whole, "to": 7}),
        json.dumps({**whole, "context": "x"}),
        json.dumps({**whole, "metadata": {"b": 1}}),
        json.dumps({**whole, "send_at": "soon"}),
        json.dumps({**whole, "send_at": "2030-01-01T00:00"}),
    ]
    file = rows("\n".join([json.dumps(whole), "", *wrong]), "people.jsonl")
    assert pulse("batch", file).exit_code == 1
    assert errors_of(file) == [(number, "BAD_ROW") for number in range(3, 11)]
    (request,) = gateway.notifications.requests
    assert (request.idempotency_key, request.locale, request.subject) == ("mine", "de", "S")
    assert (list(request.context["a"]), dict(request.metadata)) == ([1], {"b": "c"})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"to,name\na,b\n", "no column user_id"),
        (b"", "no column user_id, to"),
        (b"", "no column user_id, to"),
        (b"user_id;name\na;b\n", "no column to"),
        (b"user_id,to,n\xfcm\nu1,a@x.org,1\n", "not UTF-8 text: save it as CSV UTF-8"),
        (b"PK\x03\x04rest of it", "is a spreadsheet or an archive: save it as CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0rest of it", "is a spreadsheet"),
        (b"\x1f\x8brest of it", "is compressed"),
        ("user_id,to\nu1,a@x.org\n".encode("utf-16-le"), "looks like UTF-16 without its mark"),
        ("user_id,to\nu1,a@x.org\n".encode("utf-16-be"), "looks like UTF-16 without its mark"),
        (b"\xff\xfe" + "user_id,to\nu,a\n".encode("utf-16-le") + b"\x00", "is not UTF-8 text"),
        (b"user_id,to,name,name\nu,a@x.org,1,2\n", "more than one column 'name'"),
        (b"user_id,to,to\nu,a@x.org,b@x.org\n", "more than one column 'to'"),
        (b"user_id,to,name,context.name\nu,a@x.org,1,2\n", "more than one column 'name'"),
        (b"user_id,to,metadata.a, metadata.a\nu,a@x.org,1,2\n", "more than one column 'a'"),
        (b'"user_id,to\nu,a@x.org\n', "its first line must name the columns"),
        *(
            (f"user_id,to,{name}\nu,a@x.org,1\n".encode(), f"a column {name!r}, which looks like {meant}")
            for name, meant in {
                "sendat": "send_at",
                "Send At": "send_at",
                "schedule_at": "send_at",
                "scheduled_at": "send_at",
                "expires_in": "ttl",
                "TTL": "ttl",
                "dry_run": "validate_only",
                "Priority": "priority",
                "userId": "user_id",
                "template": "template_name",
                "idempotency-key": "idempotency_key",
            }.items()
        ),
        (b"user_id,to,metadata\nu,a@x.org,1\n", "write columns metadata.NAME"),
        (b"user_id,to,context\nu,a@x.org,1\n", "write columns context.NAME"),
        (b"user_id,to,fallbacks\nu,a@x.org,1\n", "write JSON Lines"),
    ],
)
def test_a_file_that_cannot_be_read_sends_nothing(
    pulse: Pulse, gateway: FakeGateway, tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "bad.csv").write_bytes(content)
    ran = pulse("batch", tmp_path / "bad.csv")
    assert (ran.exit_code, told in ran.stderr) == (2, True), ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert not gateway.notifications.calls


class Course:
    """A clock that a sleep moves on, and what became of each row."""

    def __init__(self, client: Client, patience: float = 30) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.ends: dict[str, Sent | PulseError] = {}
        self.run = BatchRun(client, patience, self._end, clock=lambda: self.now, sleep=self._sleep).run

    def _end(self, row: Row, result: Sent | PulseError) -> None:
        self.ends[row.record["to"]] = result

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def client(gateway: FakeGateway):
    with Client(gateway.address) as client:
        yield client


@pytest.fixture
def three(rows: Callable[..., Path]) -> BatchFile:
    return BatchFile(rows("user_id,to,template_name\nu,a@x.org,t\nu,b@x.org,t\nu,c@x.org,t\n"))


def test_limited_rows_wait_as_long_as_they_are_told_and_hold_up_no_others(
    client: Client, gateway: FakeGateway, three: BatchFile
) -> None:
    gateway.notifications.limited = {"a@x.org": 2}
    course = Course(client)
    course.run(three.rows({}))
    assert course.slept == [7, 7]
    assert list(course.ends) == ["b@x.org", "c@x.org", "a@x.org"]
    assert all(isinstance(end, Sent) for end in course.ends.values())


def test_a_row_that_stays_limited_fails_within_the_patience(
    client: Client, gateway: FakeGateway, three: BatchFile
) -> None:
    gateway.notifications.limited = {"a@x.org": 99}
    course = Course(client, patience=20)
    course.run(three.rows({}))
    assert course.slept == [7, 7]
    end = course.ends["a@x.org"]
    assert isinstance(end, PulseError) and end.reason == LIMITED.reason


def test_no_more_rows_are_read_while_too_many_wait(
    client: Client, gateway: FakeGateway, three: BatchFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "CHUNK", 1)
    monkeypatch.setattr(run, "MOST_WAITING", 1)
    gateway.notifications.limited = {"a@x.org": 1}
    course = Course(client)
    course.run(three.rows({}))
    assert list(course.ends) == ["a@x.org", "b@x.org", "c@x.org"]


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "CHUNK", 1)


@pytest.mark.usefixtures("one_by_one")
def test_a_gateway_that_goes_and_comes_back_is_waited_for(
    client: Client, gateway: FakeGateway, three: BatchFile
) -> None:
    gateway.notifications.script.extend([None, *ALL_TRIES])
    course = Course(client)
    course.run(three.rows({}))
    assert (len(gateway.notifications.stored), course.slept) == (3, [1])


@pytest.mark.usefixtures("one_by_one")
def test_a_gateway_that_stays_away_stops_the_batch(client: Client, gateway: FakeGateway, three: BatchFile) -> None:
    gateway.notifications.script.extend([None, *ALL_TRIES])
    with pytest.raises(Stopped, match="ROUTER_UNAVAILABLE"):
        Course(client, patience=0.5).run(three.rows({}))


def test_a_gateway_that_was_never_there_is_not_waited_for(
    client: Client, gateway: FakeGateway, three: BatchFile
) -> None:
    gateway.notifications.script.extend(ALL_TRIES)
    course = Course(client)
    with pytest.raises(Stopped):
        course.run(three.rows({}))
    assert course.slept == []


def test_a_refused_key_stops_the_batch(client: Client, gateway: FakeGateway, three: BatchFile) -> None:
    gateway.notifications.script.append(Refusal(Code.UNAUTHENTICATED, "API_KEY_UNKNOWN", "no"))
    with pytest.raises(Stopped) as stopped:
        Course(client).run(three.rows({}))
    assert stopped.value.error.code is grpc.StatusCode.UNAUTHENTICATED


def test_a_stopped_batch_says_what_is_left(pulse: Pulse, gateway: FakeGateway, rows: Callable[..., Path]) -> None:
    gateway.notifications.script.append(Refusal(Code.UNAUTHENTICATED, "API_KEY_UNKNOWN", "the key is not known"))
    ran = pulse("batch", rows("user_id,to,template_name\nu,a@x.org,t\n"))
    assert ran.exit_code == 1
    assert "1 not tried or given up: API_KEY_UNKNOWN: the key is not known" in ran.stderr
