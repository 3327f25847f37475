"""The quick look at a request never lets through what the contract's rules would refuse."""

from __future__ import annotations

from typing import Any

import protovalidate
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import notification_service_pb2 as api
from services.gateway import wire
from services.gateway.sending.plainly_valid import plainly_valid
from tests.gateway.conftest import request

LAST_CHANNEL = max(enums_pb2.Channel.values())

# Lengths and characters on both sides of every bound.
TEXT = st.text(st.sampled_from("aB9 -_.é€😀\x00\x1f\x7f\n~!"), max_size=12)
LONG = st.sampled_from([35, 36, 100, 101, 255, 256, 257, 998, 999, 1024, 1025, 4096, 4097]).flatmap(
    lambda length: st.sampled_from("aé€😀").map(lambda sign: sign * length)
)
NUMBER = st.integers(-2, 5)
REQUESTS = st.builds(
    api.SendNotificationRequest,
    user_id=TEXT | LONG,
    template_name=TEXT | LONG,
    to=TEXT | LONG,
    idempotency_key=st.just("") | TEXT | LONG,
    subject=st.just("") | TEXT | LONG,
    locale=st.sampled_from(["", "de", "de-AT", "zh-Hant-TW", "x", "de_AT", "de-", "d" * 36]),
    channel=NUMBER,
    priority=NUMBER,
    delivery_guarantee=NUMBER,
    metadata=st.sampled_from(
        [{}, {}, {"a": ""}, {"": "x"}, {"k" * 65: ""}, {"k": "é" * 513}, {str(n): "" for n in range(33)}]
    ),
    ttl=st.sampled_from(
        [None, None, {"seconds": 0}, {"seconds": 5}, {"nanos": -1, "seconds": 2}, {"seconds": 31622400}]
    ),
    expires_at=st.sampled_from([None, {"seconds": 5}]),
    fallbacks=st.sampled_from([[], [], [{}], [{"channel": 2, "to": "+15551234567"}], [{"channel": 1}] * 5]),
)


@settings(max_examples=400)
@given(REQUESTS)
def test_whatever_passes_at_a_glance_breaks_no_rule(asked: api.SendNotificationRequest) -> None:
    if plainly_valid(wire.said(asked)):
        assert not protovalidate.collect_violations(asked)


@pytest.mark.parametrize(
    "field, accepted, refused",
    [
        ("user_id", ["u", "u" * 256, "é" * 256], ["", "u" * 257, "a\x7f", "a\n"]),
        ("template_name", ["t" * 100, "otp_2-x.y"], ["", "t" * 101, "t\x00"]),
        ("to", ["", "x" * 1024, "😀" * 1024], ["😀" * 1025]),
        ("idempotency_key", ["", "k" * 255], ["k" * 256, "a b", "é"]),
        ("subject", ["", "s" * 998], ["s" * 999, "a\nb", "é" * 500]),
        ("locale", ["", "de", "pt-BR"], ["de-", "de_AT", "x" * 36]),
        ("channel", [0, LAST_CHANNEL], [-1, LAST_CHANNEL + 1]),
        ("priority", [0, 2], [-1, 3]),
        ("delivery_guarantee", [0, 2], [-1, 3]),
        (
            "metadata",
            [{}, {"k" * 64: "é" * 512}, {str(n): "" for n in range(32)}],
            [{"": "x"}, {"k" * 65: ""}, {"k": "é" * 513}, {str(n): "" for n in range(33)}],
        ),
        ("ttl", [{"seconds": 1}, {"seconds": 31622399, "nanos": 999999999}], [{}, {"nanos": 1}, {"seconds": 31622401}]),
    ],
)
def test_every_bound_is_the_contracts_own(field: str, accepted: list[Any], refused: list[Any]) -> None:
    for value in accepted:
        assert plainly_valid(wire.said(request(**{field: value})))
        assert not protovalidate.collect_violations(request(**{field: value}))
    for value in refused:
        assert not plainly_valid(wire.said(request(**{field: value})))
        assert protovalidate.collect_violations(request(**{field: value}))
