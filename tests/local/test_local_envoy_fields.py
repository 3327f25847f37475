"""Over REST nothing is dropped in silence: what the contract does not know, or is given twice, is refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from pulse.gateway.v1 import notification_service_pb2
from tests.local.edge_backend import SEND
from tests.local.edge_methods import methods, refusal

FREE = {"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"}
NOTIFICATIONS = "/v1/notifications"
SEND_OLD = "/api/notifications/send/"


def spoilt(message: Descriptor, above: tuple[str, ...] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """Bodies with one unknown name each, at every place that has fixed names; with the path of that name."""
    yield "nope", {"nope": 1}
    for field in message.fields:
        inner = _inner(field)
        if inner is None or inner.full_name in above:
            continue
        for path, body in spoilt(inner, (*above, message.full_name)):
            if field.message_type.GetOptions().map_entry:
                yield f"{field.name}.key.{path}", {field.name: {"key": body}}
            elif field.is_repeated:
                yield f"{field.json_name}[1].{path}", {field.json_name: [{}, body]}
                yield f"{field.json_name}.{path}", {field.json_name: body}
            else:
                yield f"{field.name}.{path}", {field.name: body}


def known(message: Descriptor, named: str, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """A body with every field there is, by the attribute ``named`` of each."""
    body = {}
    for field in message.fields:
        inner = _inner(field)
        nested = inner is not None and inner.full_name not in above and not field.message_type.GetOptions().map_entry
        value = known(inner, named, (*above, message.full_name)) if nested else None
        body[getattr(field, named)] = [value] if field.is_repeated and nested else value
    return body


def _inner(field: FieldDescriptor) -> Descriptor | None:
    """The message with fixed names that a field's values are."""
    inner = field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        inner = inner.fields_by_name["value"].message_type
    return None if inner is None or inner.full_name in FREE else inner


async def test_an_unknown_field_is_refused_by_its_path_at_every_depth_of_every_method(backend, rest):
    tried, wrong = 0, []
    for method, path, body_message, _ in methods():
        for field, body in spoilt(body_message) if body_message else ():
            answer = await rest.request(method, path, json=body)
            tried += 1
            if refusal(answer) != (400, "UNKNOWN_FIELD", [field]) or field not in answer.json()["message"]:
                wrong.append((method, path, body, answer.text))
    assert not wrong
    assert tried > 60
    assert backend.request is None


@pytest.mark.parametrize("named", ["name", "json_name"])
async def test_every_field_of_the_contract_is_known_by_both_of_its_names(rest, named):
    for method, path, body_message, _ in methods():
        if body_message:
            answer = await rest.request(method, path, json=known(body_message, named))
            assert refusal(answer)[1] not in ("UNKNOWN_FIELD", "DUPLICATE_FIELD"), (path, answer.text)


async def test_an_unknown_query_parameter_is_refused_by_name_by_every_method(rest):
    for method, path, _, _ in methods():
        answer = await rest.request(method, f"{path}?colour=red")
        assert refusal(answer) == (400, "UNKNOWN_PARAMETER", ["colour"]), (path, answer.text)


NAMES = ["schedule_at", "sendat", "expires_in", "dry_run", "User_Id", "user_id ", "", "ünbekannt", 'a"\\\n', "x" * 99]


@pytest.mark.parametrize("path", [NOTIFICATIONS, SEND_OLD, NOTIFICATIONS + "//", "/v1/./notific%61tions"])
async def test_what_would_have_been_dropped_is_refused(backend, rest, path):
    for name in NAMES:
        answer = await rest.post(path, json={**SEND, name: None})
        told = name.replace("\n", "?")[:64]
        assert refusal(answer) == (400, "UNKNOWN_FIELD", [told])
    assert backend.request is None


BODIES: dict[str, tuple[str, str, list[str]]] = {
    r'{"sch\u0065dule_at": 1}': ("UNKNOWN_FIELD", "an escape", ["schedule_at"]),
    r'{"\ud83d\ude00": 1}': ("UNKNOWN_FIELD", "a pair of surrogates", ["😀"]),
    r'{"\ud800": 1}': ("UNKNOWN_FIELD", "a lone surrogate", [r"\ud800"]),
    r'{"a\\u0062": 1}': ("UNKNOWN_FIELD", "a backslash that is meant", [r"a\u0062"]),
    '{"requests": [{}, {"schedule_at": 1}]}': ("UNKNOWN_FIELD", "in a batch", ["requests[1].schedule_at"]),
    '{"requests": [{"fallbacks": [{}, {"affter": "5s"}]}]}': (
        "UNKNOWN_FIELD",
        "deep in a batch",
        ["requests[0].fallbacks[1].affter"],
    ),
    '{"requests": [{"send_at": {"second": 1}}]}': ("UNKNOWN_FIELD", "a time", ["requests[0].send_at.second"]),
    '{"requests": [[{"nope": 1}]]}': ("UNKNOWN_FIELD", "a list in a list", ["requests[0][0].nope"]),
    '{"requests": [{"x": {"y": {"z": 1}}, "w": []}]}': ("UNKNOWN_FIELD", "two", ["requests[0].x", "requests[0].w"]),
    '{"requests": [], "requests": []}': ("DUPLICATE_FIELD", "twice", ["requests"]),
    '{"requests": [{"user_id": "a", "to": "b", "user_id": "a"}]}': (
        "DUPLICATE_FIELD",
        "alike",
        ["requests[0].user_id"],
    ),
    '{"requests": [{"user_id": "a", "userId": "b"}]}': ("DUPLICATE_FIELD", "by both names", ["requests[0].userId"]),
    r'{"requests": [{"to": "a", "\u0074o": "b"}]}': ("DUPLICATE_FIELD", "by an escape", ["requests[0].to"]),
    '{"requests": [{"context": {"a": 1, "b": {"c": 1, "c": 2}}}]}': (
        "DUPLICATE_FIELD",
        "in a free object",
        ["requests[0].context.b.c"],
    ),
    r'{"requests": [{"context": {"😀": 1, "\ud83d\ude00": 2}}]}': (
        "DUPLICATE_FIELD",
        "by surrogates",
        ["requests[0].context.😀"],
    ),
    '{"requests": [{"metadata": {"a": "1", "a": "1"}}]}': ("DUPLICATE_FIELD", "in a map", ["requests[0].metadata.a"]),
}


async def test_a_name_is_read_as_json_means_it(backend, rest):
    for body, (reason, case, fields) in BODIES.items():
        answer = await rest.post("/v1/notifications:batchSend", content=body.encode())
        assert refusal(answer) == (400, reason, fields), case
    assert backend.request is None


async def test_names_beyond_ten_are_counted_and_long_paths_are_cut(rest):
    answer = await rest.post(NOTIFICATIONS, json={f"field{n}": n for n in range(1_000)})
    assert refusal(answer) == (400, "UNKNOWN_FIELD", [f"field{n}" for n in range(10)])
    assert answer.json()["message"].endswith("; and 990 more")
    deep = '{"context": ' + f'{{"{"x" * 50}": ' * 20 + "{" + ", ".join(['"a": 1'] * 500) + "}" * 22
    answer = await rest.post(NOTIFICATIONS, content=deep)
    status, reason, fields = refusal(answer)
    assert (status, reason, len(fields)) == (400, "DUPLICATE_FIELD", 10)
    assert fields[0].startswith("...xx") and fields[0].endswith(".a")
    assert len(answer.content) < 4_096


async def test_free_objects_keep_every_name(backend, rest):
    context = {
        "schedule_at": 1,
        "fields": {"a": 1},
        "": {"": [{"x": 1}, {"x": 2}]},
        "ü\n": None,
        "userId": "u",
        "user_id": 1,
    }
    answer = await rest.post(
        NOTIFICATIONS, json={**SEND, "context": context, "metadata": {"sendat": "x", "sendAt": "y"}}
    )
    assert answer.status_code == 200, answer.text
    assert set(backend.request.context) == set(context)
    assert backend.request.metadata == {"sendat": "x", "sendAt": "y"}


MALFORMED = [
    *(
        "{'user_id': 'u'}",
        "{user_id: 1}",
        '{"to": 1,}',
        '{"to": [1,]}',
        '{"to" 1}',
        '{"to": 1 "x": 2}',
        '{"to": }',
        '{"to"}',
    ),
    *(
        '{"to": "x',
        '{"to": "x\\"',
        '{"to": 1}}',
        "{} {}",
        '{"to": 1} // x',
        '{"to": 1}\0',
        "{",
        "}",
        "null",
        '"x"',
        "5",
        " ",
    ),
    *('{"to": NaN}', '{"to": .5}', '{"to": 01}', '{"to": tru}', '{"context": {"x": 1e999}}', '{"context": {"x": NaN}}'),
    *(
        '{"to": "\\ud800"}',
        '{"to": "\\u12"}',
        '{"metadata": {"a": {"b": 1}}}',
        '{"metadata": {"a": ["b"]}}',
        '{"metadata": [{}]}',
    ),
    *('{"to": {"x": 1}}', '{"context": ' + '{"a":' * 101 + "1" + "}" * 101 + "}", '{"context": {"a": ' + "[" * 5_000),
]


async def test_what_is_no_json_for_this_message_is_malformed(backend, rest):
    for body in MALFORMED:
        answer = await rest.post(NOTIFICATIONS, content=body.encode(), headers={"content-type": "application/json"})
        assert refusal(answer) == (400, "MALFORMED_REQUEST", []), body[:30]
    assert backend.request is None


@pytest.mark.parametrize("body", [b"", b"{}", b" { } "])
async def test_an_empty_body_is_an_empty_message(backend, rest, body):
    assert (await rest.post(NOTIFICATIONS, content=body)).status_code == 200
    assert backend.request == notification_service_pb2.SendNotificationRequest()


async def test_a_body_where_none_is_read_is_refused(backend, rest):
    answer = await rest.request("GET", NOTIFICATIONS, json={"user_id": "u"})
    assert refusal(answer) == (400, "MALFORMED_REQUEST", [])
    assert "takes no body" in answer.json()["message"]
    assert (await rest.request("GET", NOTIFICATIONS, json={})).status_code == 200


QUERIES: dict[str, tuple[str, list[str]]] = {
    "page_size=1&page_size=2": ("DUPLICATE_PARAMETER", ["page_size"]),
    "page_size=1&page_size=1": ("DUPLICATE_PARAMETER", ["page_size"]),
    "user_id=a&userId=b": ("DUPLICATE_PARAMETER", ["userId"]),
    "user%5Fid=a&user_id=b": ("DUPLICATE_PARAMETER", ["user_id"]),
    "user_id&user_id=b": ("DUPLICATE_PARAMETER", ["user_id"]),
    "limit=1": ("UNKNOWN_PARAMETER", ["limit"]),
    "USER_ID=a": ("UNKNOWN_PARAMETER", ["USER_ID"]),
    "created_after.second=1": ("UNKNOWN_PARAMETER", ["created_after.second"]),
    "sort=a&order=b": ("UNKNOWN_PARAMETER", ["sort", "order"]),
    "=x": ("UNKNOWN_PARAMETER", [""]),
}


async def test_a_parameter_that_would_win_or_be_lost_is_refused(backend, rest):
    for query, (reason, fields) in QUERIES.items():
        assert refusal(await rest.get(f"{NOTIFICATIONS}?{query}")) == (400, reason, fields), query
    assert backend.request is None


async def test_the_originals_parameters_may_come_once(rest):
    answer = await rest.get("/api/notifications/list/?user_id=u&limit=1&limit=2")
    assert refusal(answer) == (400, "DUPLICATE_PARAMETER", ["limit"])


async def test_parameters_of_the_contract_are_taken(backend, rest):
    for query in ("user_id=a&page_size=2", "&&user_id=a&", "userId=a+b", "created_after=2020-01-01T00:00:00Z", ""):
        assert (await rest.get(f"{NOTIFICATIONS}?{query}")).status_code == 200, query


GIVEN_TWICE: dict[str, tuple[str, str, dict[str, Any], str, str]] = {
    "query and body": ("POST", f"{NOTIFICATIONS}?user_id=a", {"user_id": "b"}, "CONFLICTING_FIELD", "user_id"),
    "by another name": ("POST", f"{NOTIFICATIONS}?user_id=a", {"userId": "b"}, "CONFLICTING_FIELD", "userId"),
    "path and body": ("PUT", "/v1/recipients/u/preferences", {"user_id": "v"}, "CONFLICTING_FIELD", "user_id"),
    "path and body by another name": (
        "PUT",
        "/v1/recipients/u/preferences",
        {"userId": "v"},
        "CONFLICTING_FIELD",
        "userId",
    ),
    "path and query": ("GET", "/v1/recipients/u/preferences?user_id=v", {}, "PARAMETER_IN_PATH", "user_id"),
    "a part of the body": (
        "PUT",
        "/v1/recipients/u/preferences?preferences.time_zone=UTC",
        {},
        "PARAMETER_IN_BODY",
        "preferences.time_zone",
    ),
}


async def test_one_thing_has_one_place(backend, rest):
    for case, (method, path, body, reason, field) in GIVEN_TWICE.items():
        assert refusal(await rest.request(method, path, json=body)) == (400, reason, [field]), case
    assert backend.request is None


#: A user id in a path, and in the body after it: as it is, and in each way that JSON may write it.
REPEATED = {
    "u": ["u", r"\u0075"],
    "team%2Fjohn": ["team/john", r"team\/john", r"team\u002fjohn", r"team\u002Fj\u006fhn"],
    "a%20b": ["a b", r"a\u0020b"],
    "%C3%BC": ["ü", r"\u00fc"],
    "j%C3%BCrgen": ["jürgen", r"j\u00fcrgen"],
    "jürgen": ["jürgen", r"j\u00fcrgen"],
    "a%22b": [r"a\"b", r"a\u0022b"],
    "a%5Cb": [r"a\\b", r"a\u005cb"],
    "a%5Cu0062": [r"a\\u0062", r"a\u005cu0062"],
    "%5C": [r"\\", r"\u005c"],
    "%E2%82%AC": ["€", r"\u20ac", r"\u20AC"],
    "%F0%9F%98%80": ["😀", r"\ud83d\ude00", r"\uD83D\uDE00"],
    "a%09b": [r"a\tb", r"a\u0009b"],
    "%7F": ["\x7f", r"\u007f"],
    "u" * 256: ["u" * 256, r"\u0075" * 256],
    "%F0%9F%98%80" * 64: [r"\ud83d\ude00" * 64],
}


async def test_a_body_may_repeat_what_its_path_says_in_any_way_that_json_writes_it(backend, rest):
    for user, texts in REPEATED.items():
        for text in texts:
            for blanks in ("", " ", "\n\t"):
                body = f'{{"user_id":{blanks}"{text}"{blanks},"time_zone":"UTC"}}'.encode()
                answer = await rest.put(f"/v1/recipients/{user}/preferences", content=body)
                assert answer.status_code == 200, (user, text, answer.text)
                assert answer.json()["user_id"] == backend.request.preferences.user_id == json.loads(f'"{text}"')


#: A user id in a path, and what a body may not say after it, as JSON.
OTHERS = {
    "u": [
        r'"\u0076"',
        r'"\\u0075"',
        r'"u\u0000"',
        r'"\u0075u"',
        '"U"',
        '""',
        "null",
        '["u"]',
        '"' + r"\u0075" * 9_999 + '"',
    ],
    "7": ["7", "7.0"],
    "a%22b": [r'"a\\\"b"', '"ab"'],
    "a%5Cu0062": [r'"a\u0062"', '"ab"'],
    "%F0%9F%98%80": [r'"\ud83d"', r'"\ude00\ud83d"', r'"\ud83d\ude01"'],
    "%C3%BC": [r'"\u00dc"', r'"u\u0308"'],
}


async def test_a_body_that_says_anything_else_than_its_path_is_refused(backend, rest):
    for user, texts in OTHERS.items():
        for text in texts:
            answer = await rest.put(f"/v1/recipients/{user}/preferences", content=f'{{"user_id":{text}}}'.encode())
            assert refusal(answer) == (400, "CONFLICTING_FIELD", ["user_id"]), (user, text[:30], answer.text)
    assert backend.request is None
