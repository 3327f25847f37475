"""What callers are told of their limits beside the answer."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import limit_pb2
from pulse.gateway.v1 import compatibility_service_pb2 as original
from services.gateway.door import rate_limit_fields
from shared.errors import Code, PulseError
from tests.gateway import fakes
from tests.gateway.conftest import Client, request

QUOTA = limit_pb2.QuotaState(
    name="user_channel", amount=10, window={"seconds": 60}, remaining=7, reset={"seconds": 41, "nanos": 1}
)
FIELDS = {"ratelimit-policy": '"user_channel";q=10;w=60', "ratelimit": '"user_channel";r=7;t=42'}


@pytest.mark.parametrize(
    "quota, policy, state",
    [
        ({"amount": 10, "window": {"seconds": 60}, "remaining": 10}, '"t";q=10;w=60', '"t";r=10'),
        ({"amount": 1, "window": {"nanos": 100_000_000}, "reset": {"nanos": 1}}, '"t";q=1;w=1', '"t";r=0;t=1'),
        ({"amount": 5, "window": {"seconds": 2}, "remaining": -1, "reset": {}}, '"t";q=5;w=2', '"t";r=0;t=0'),
    ],
)
def test_seconds_are_whole_and_never_too_few(quota: dict[str, Any], policy: str, state: str) -> None:
    told = rate_limit_fields.fields(limit_pb2.QuotaState(name="t", **quota))
    assert told == (("ratelimit-policy", policy), ("ratelimit", state))


def told(metadata: Any) -> dict[str, Any]:
    return {key: value for key, value in metadata or () if key.startswith(("ratelimit", "retry"))}


async def test_a_send_tells_in_trailing_metadata_where_the_caller_stands(client: Client, peers: fakes.Peers) -> None:
    peers.router.quota = QUOTA
    call = client.notifications.SendNotification(request())
    await call
    assert told(await call.trailing_metadata()) == FIELDS
    assert told(await call.initial_metadata()) == {}


async def test_a_refusal_tells_it_too_with_the_time_to_come_back(client: Client, peers: fakes.Peers) -> None:
    peers.router.quota = QUOTA
    peers.router.refuse = lambda _: PulseError(Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", "too many", retry_after=41.2)
    for call in (
        client.notifications.SendNotification(request()),
        client.original.Send(
            original.SendRequest(user_id="u", template_name="welcome", to="a@b.co", context={"name": "A"})
        ),
    ):
        assert (await call.code()).name == "RESOURCE_EXHAUSTED"
        assert told(await call.trailing_metadata()) == {**FIELDS, "retry-after": "42"}


async def test_a_call_that_came_over_rest_gets_it_where_headers_are_made_of_it(
    client: Client, peers: fakes.Peers
) -> None:
    peers.router.quota = QUOTA
    call = client.notifications.SendNotification(request(), metadata=[("x-envoy-original-path", "/v1/notifications")])
    await call
    assert told(await call.initial_metadata()) == FIELDS


async def test_nothing_is_said_where_no_limit_was_counted(client: Client) -> None:
    call = client.notifications.SendNotification(request())
    await call
    assert told(await call.trailing_metadata()) == {}
