"""The pure rules: times, context, keys, fingerprint, traceparent, the original's words."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.rules import compatibility, context, fingerprint, idempotency, times
from services.gateway.rules.nul import refuse_nul
from shared.errors import PulseError
from shared.observe import tracing

NOW = dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC)
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)


def refused(reason: str) -> Any:
    """Expects a refusal with this reason."""
    return pytest.raises(PulseError, check=lambda refusal: refusal.reason == reason)


@pytest.mark.parametrize("ahead", [None, dt.timedelta(0), -4 * MINUTE, -5 * MINUTE, HOUR, 366 * DAY])
def test_a_send_at_that_can_be_is_taken(ahead: dt.timedelta | None) -> None:
    times.check_send_at(NOW, None if ahead is None else NOW + ahead)


@pytest.mark.parametrize(
    "ahead, reason",
    [(-6 * MINUTE, "SEND_AT_PAST"), (-365 * DAY, "SEND_AT_PAST"), (366 * DAY + MINUTE, "SEND_AT_TOO_FAR")],
)
def test_a_send_at_that_cannot_be_is_refused(ahead: dt.timedelta, reason: str) -> None:
    with refused(reason):
        times.check_send_at(NOW, NOW + ahead)


@pytest.mark.parametrize(
    "send_at, expires_at, ttl, expected",
    [
        (None, None, None, None),
        (None, None, HOUR, HOUR),
        (DAY, None, HOUR, DAY + HOUR),
        (-MINUTE, None, HOUR, HOUR),
        (None, HOUR, None, HOUR),
        (DAY, DAY + MINUTE, None, DAY + MINUTE),
    ],
)
def test_the_expiry_follows_from_either_form(
    send_at: dt.timedelta | None,
    expires_at: dt.timedelta | None,
    ttl: dt.timedelta | None,
    expected: dt.timedelta | None,
) -> None:
    def at(offset: dt.timedelta | None) -> dt.datetime | None:
        return None if offset is None else NOW + offset

    assert times.expiry(NOW, at(send_at), at(expires_at), ttl) == at(expected)


@pytest.mark.parametrize(
    "send_at, expires_at, reason",
    [
        (None, -MINUTE, "EXPIRES_AT_PAST"),
        (None, dt.timedelta(0), "EXPIRES_AT_PAST"),
        (DAY, HOUR, "EXPIRES_BEFORE_SEND_AT"),
        (DAY, DAY, "EXPIRES_BEFORE_SEND_AT"),
        (None, 367 * DAY, "EXPIRES_AT_TOO_FAR"),
    ],
)
def test_an_expiry_that_cannot_be_is_refused(
    send_at: dt.timedelta | None, expires_at: dt.timedelta, reason: str
) -> None:
    with refused(reason):
        times.expiry(NOW, send_at and NOW + send_at, NOW + expires_at, None)


@pytest.mark.parametrize(
    "given_context, expected",
    [
        ({}, "{}"),
        ({"b": 1, "a": "é"}, '{"a":"é","b":1}'),
        ({"a": {"d": [True, None, 1.5], "c": {}}}, '{"a":{"c":{},"d":[true,null,1.5]}}'),
        ({"n": 2**53 - 1}, '{"n":9007199254740991}'),
        ({"text": "\\u0000 written out"}, '{"text":"\\\\u0000 written out"}'),
    ],
)
def test_a_context_has_one_text(given_context: dict[str, Any], expected: str) -> None:
    assert context.canonical(given_context) == expected


def nested(depth: int, wrap: Any) -> dict[str, Any]:
    """A context of this depth; ``wrap`` puts a value one deeper."""
    value: Any = 1
    for _ in range(depth - 1):
        value = wrap(value)
    return {"k": value}


@pytest.mark.parametrize(
    "bad, reason, field",
    [
        ({"n": math.nan}, "CONTEXT_NOT_FINITE", "context.n"),
        ({"n": [1, math.inf]}, "CONTEXT_NOT_FINITE", "context.n"),
        ({"order": {"id": 2.0**53}}, "CONTEXT_NUMBER_INEXACT", "context.order.id"),
        ({"n": -(2**60)}, "CONTEXT_NUMBER_INEXACT", "context.n"),
        ({"s": "a\0b"}, "CONTEXT_NUL", "context.s"),
        ({"s": [{"t": "\0"}]}, "CONTEXT_NUL", "context.s.t"),
        ({"k\0": 1}, "CONTEXT_NUL", "context"),
        ({"ada@example.com": math.nan}, "CONTEXT_NOT_FINITE", "context"),
        ({"s": "x" * 65_536}, "CONTEXT_TOO_LARGE", "context"),
        ({"s": "é" * 33_000}, "CONTEXT_TOO_LARGE", "context"),
        ({"s": [0] * 40_000}, "CONTEXT_TOO_LARGE", "context"),
        ({"s": [None] * 100_000}, "CONTEXT_TOO_LARGE", "context"),
        (nested(33, lambda value: {"k": value}), "CONTEXT_TOO_DEEP", "context"),
        (nested(34, lambda value: [value]), "CONTEXT_TOO_DEEP", "context"),
    ],
)
def test_a_context_that_cannot_be_kept_is_refused_at_its_place(bad: dict[str, Any], reason: str, field: str) -> None:
    with pytest.raises(PulseError) as caught:
        context.canonical(bad)
    assert (caught.value.reason, caught.value.violations[0].field) == (reason, field)


def test_a_context_may_be_as_deep_and_long_as_allowed() -> None:
    context.canonical(nested(32, lambda value: {"k": value}))
    context.canonical(nested(32, lambda value: [value]))
    longest = {"s": "x" * (65_536 - len('{"s":""}'))}
    assert len(context.canonical(longest)) == 65_536


@given(
    st.dictionaries(st.text(st.characters(exclude_characters="\0", codec="utf-8")), st.booleans() | st.integers(-9, 9))
)
def test_the_order_of_keys_makes_no_difference(members: dict[str, Any]) -> None:
    backwards = dict(reversed(members.items()))
    assert context.canonical(members) == context.canonical(backwards)
    assert json.loads(context.canonical(members)) == members


@pytest.mark.parametrize("bad", [["a", "x\0"], ["\0", "x"]])
def test_a_label_with_a_nul_is_refused(bad: list[str]) -> None:
    refuse_nul("metadata", "METADATA_NUL", "team", "growth")
    with refused("METADATA_NUL"):
        refuse_nul("metadata", "METADATA_NUL", *bad)


@pytest.mark.parametrize(
    "field, headers, expected",
    [("", [], ""), ("k", [], "k"), ("", ["k"], "k"), ("k", ["k"], "k"), ("k" * 255, [], "k" * 255)],
)
def test_a_key_comes_from_field_or_header(field: str, headers: list[str], expected: str) -> None:
    assert idempotency.resolve(field, headers) == expected


@pytest.mark.parametrize(
    "field, headers, reason",
    [
        ("", [""], "IDEMPOTENCY_KEY_EMPTY"),
        ("k", [""], "IDEMPOTENCY_KEY_EMPTY"),
        ("", ["a", "a"], "IDEMPOTENCY_KEY_REPEATED"),
        ("", ["a", "b"], "IDEMPOTENCY_KEY_REPEATED"),
        ("a", ["b"], "IDEMPOTENCY_KEY_MISMATCH"),
        ("", ["k" * 256], "IDEMPOTENCY_KEY_TOO_LONG"),
        ("k" * 256, [], "IDEMPOTENCY_KEY_TOO_LONG"),
        ("", ["a\x01b"], "IDEMPOTENCY_KEY_INVALID"),
        ("a\nb", [], "IDEMPOTENCY_KEY_INVALID"),
        ("a b", [], "IDEMPOTENCY_KEY_INVALID"),
        ("clé", [], "IDEMPOTENCY_KEY_INVALID"),
    ],
)
def test_a_key_that_cannot_be_is_refused(field: str, headers: list[str], reason: str) -> None:
    with refused(reason):
        idempotency.resolve(field, headers)


def test_a_fingerprint_depends_on_all_that_was_asked_and_on_nothing_else() -> None:
    base = fingerprint.of({"user_id": "u", "to": "x"}, '{"a":1}')
    assert base == fingerprint.of({"to": "x", "user_id": "u"}, '{"a":1}')
    others = [
        fingerprint.of({"user_id": "v", "to": "x"}, '{"a":1}'),
        fingerprint.of({"user_id": "u", "to": "x"}, '{"a":2}'),
        fingerprint.of({"user_id": "u"}, '{"a":1}'),
        fingerprint.of({"user_id": "u", "to": "x", "metadata": {"a": "1"}}, "{}"),
    ]
    assert len({base, *others}) == 5 and len(base) == 32


#: Whatever JSON writes in a way of its own.
SIGNS = st.text(st.sampled_from("aZ09 /<>'\"\\\b\f\n\r\t\x01\x1f\x7f\x80é€\u2028😀"), max_size=8)


@given(st.dictionaries(SIGNS, SIGNS | st.integers(-(2**53), 2**53) | st.lists(SIGNS)), st.dictionaries(SIGNS, SIGNS))
def test_a_fingerprint_of_version_1_is_of_json_in_ascii(asked: dict[str, Any], labels: dict[str, str]) -> None:
    """As every release counted it so far; those are kept for days, and repeated by gateways of the release before."""
    labels = dict(sorted(labels.items()))
    head = json.dumps([1, {**asked, "metadata": labels}], sort_keys=True, separators=(",", ":"))
    expected = hashlib.sha256(f"{head}\n{{}}".encode()).digest()
    assert fingerprint.of({**asked, "metadata": labels}, "{}") == expected


@given(
    st.dictionaries(
        SIGNS, SIGNS | st.none() | st.booleans() | st.floats(-1e9, 1e9) | st.integers(-(2**53) + 1, 2**53 - 1)
    )
)
def test_a_context_is_written_as_ever_whichever_way_is_taken(given_context: dict[str, Any]) -> None:
    expected = json.dumps(given_context, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert context.canonical(given_context) == expected


TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    "header, expected",
    [
        (f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01"),
        (f"00-{TRACE}-{PARENT}-00", f"00-{TRACE}-{PARENT}-00"),
        (f"00-{TRACE}-{PARENT}-ff", f"00-{TRACE}-{PARENT}-01"),
        (f"cc-{TRACE}-{PARENT}-01-what-comes", f"00-{TRACE}-{PARENT}-01"),
        (f"00-{TRACE}-{PARENT}-01-more", ""),
        (f"ff-{TRACE}-{PARENT}-01", ""),
        (f"00-{'0' * 32}-{PARENT}-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (f"00-{TRACE.upper()}-{PARENT}-01", ""),
        (f"00-{TRACE[1:]}-{PARENT}-01", ""),
        ("", ""),
    ],
)
def test_a_traceparent_is_accepted_as_the_recommendation_says(header: str, expected: str) -> None:
    assert tracing.accept(header) == expected


def test_a_made_traceparent_is_valid_and_sampled_by_ratio() -> None:
    assert all(tracing.accept(tracing.new_trace(0.5)) for _ in range(100))
    assert all(tracing.new_trace(1).endswith("-01") for _ in range(100))
    assert all(tracing.new_trace(0).endswith("-00") for _ in range(100))


@pytest.mark.parametrize("text, expected", [("", 50), ("1", 1), ("1000", 1000), ("5000", 1000)])
def test_a_limit_of_the_original_is_read(text: str, expected: int) -> None:
    assert compatibility.limit(text) == expected


@pytest.mark.parametrize("text", ["0", "-1", "abc", "1.5", " 5", "+5", "٥", "9" * 5000])
def test_a_limit_that_cannot_be_is_refused(text: str) -> None:
    with refused("LIMIT_INVALID"):
        compatibility.limit(text)


def test_the_originals_words_cover_every_status_and_channel() -> None:
    assert compatibility.statuses("Pending") == ["SCHEDULED", "QUEUED", "SENDING"]
    assert sorted(set(compatibility.STATUSES.values())) == ["failed", "pending", "retrying", "sent"]
    assert [compatibility.channel(text) for text in ("", "email", "SMS", "Push")] == [None, "EMAIL", "SMS", "PUSH"]
    with refused("UNKNOWN_STATUS"):
        compatibility.statuses("delivered")
    with pytest.raises(PulseError, match="email, sms, push"):
        compatibility.channel("fax")
