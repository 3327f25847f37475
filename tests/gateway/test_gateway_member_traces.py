"""Requests that a client gathered from several callers: each is traced as if it had come alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc.aio
import pytest

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import notification_service_pb2 as api
from services.gateway.config import GatewaySettings
from services.gateway.server import Gateway
from shared.clock import FixedClock
from shared.errors import Code, PulseError
from shared.observe.tracing import Ended, Tracer
from tests.gateway import fakes
from tests.gateway.conftest import NOW, Client, refusal, request

SEND = "pulse.gateway.v1.NotificationService/SendNotification"
ONE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
CALL = "00-11111111111111111111111111111111-2222222222222222-01"


def batch(traceparents: list[str], *fields: dict[str, object]) -> api.BatchSendNotificationsRequest:
    """One request for each of ``fields``, else one for each traceparent."""
    asked = [request(**one) for one in fields or [{}] * len(traceparents)]
    return api.BatchSendNotificationsRequest(requests=asked, traceparents=traceparents)


def traces(peers: fakes.Peers) -> list[str]:
    """The trace of each submission."""
    return [submission.traceparent[3:35] for submission in peers.router.submissions]


@pytest.fixture
async def spans() -> list[Ended]:
    return []


@pytest.fixture
async def traced(peers: fakes.Peers, spans: list[Ended]) -> AsyncIterator[Client]:
    """A client of a gateway whose spans are kept in ``spans``; nothing is sampled but what its callers sample."""
    settings = dict.fromkeys(("PULSE_ROUTER_ADDRESS", "PULSE_LEDGER_ADDRESS"), peers.address)
    settings |= {"PULSE_LISTEN": "127.0.0.1:0", "PULSE_DELIVERY_ADDRESS": peers.address, "PULSE_DRAIN_SECONDS": "0.1"}
    settings["PULSE_GATEWAY_TRACE_RATIO"] = "0"
    gateway = Gateway(GatewaySettings.load(settings), FixedClock(NOW), Tracer(spans.append))
    await gateway.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.port}") as channel:
        yield Client(channel, "")
    await gateway.stop()


async def test_each_is_part_of_the_trace_that_it_names(client: Client, peers: fakes.Peers) -> None:
    await client.notifications.BatchSendNotifications(batch([ONE, OTHER]), metadata=[("traceparent", CALL)])
    assert [submission.traceparent for submission in peers.router.submissions] == [ONE, OTHER]


@pytest.mark.parametrize("given", ["", "nonsense", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"])
async def test_one_that_names_none_has_a_trace_of_its_own_and_not_its_neighbours(
    client: Client, peers: fakes.Peers, given: str
) -> None:
    await client.notifications.BatchSendNotifications(batch([given, ONE, given]), metadata=[("traceparent", CALL)])
    assert len({*traces(peers), CALL[3:35]}) == 4
    assert traces(peers)[1] == ONE[3:35]


async def test_a_batch_of_one_caller_stays_one_trace(client: Client, peers: fakes.Peers) -> None:
    await client.notifications.BatchSendNotifications(batch([], {}, {}), metadata=[("traceparent", CALL)])
    assert traces(peers) == [CALL[3:35]] * 2


@pytest.mark.parametrize("count", [1, 3])
async def test_there_must_be_one_for_each_request(client: Client, count: int) -> None:
    error = await refusal(client.notifications.BatchSendNotifications(batch([ONE] * count, {}, {})))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "INVALID_FIELDS")


async def test_each_has_the_span_of_a_call_of_its_own(traced: Client, peers: fakes.Peers, spans: list[Ended]) -> None:
    away = PulseError(Code.UNAVAILABLE, "LEDGER_UNAVAILABLE", "the ledger does not answer")
    peers.router.refuse = lambda submission: away if submission.asked.user_id == "away" else None
    fields: list[dict[str, object]] = [{}, {}, {"user_id": "away"}, {"to": "nowhere"}, {}]
    answer = await traced.notifications.BatchSendNotifications(batch([ONE, OTHER, OTHER, ONE, ""], *fields))
    own = [span for span in spans if span.name == SEND]
    assert (
        [(span.trace_id, span.parent_id, span.error) for span in own]
        == [
            (ONE[3:35], ONE[36:52], ""),
            (OTHER[3:35], OTHER[36:52], "UNAVAILABLE"),  # a failure is kept though its caller sampled nothing
            (ONE[3:35], ONE[36:52], ""),
        ]
    )
    assert own[0].attributes["pulse.notification_id"] == answer.results[0].notification_id
    assert own[2].attributes["rpc.grpc.status_code"] == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert peers.router.submissions[0].traceparent[36:52] == own[0].span_id


async def test_what_is_only_checked_has_no_id_in_a_batch_either(client: Client) -> None:
    asked = batch([], {"validate_only": True}, {})
    checked, made = (await client.notifications.BatchSendNotifications(asked)).results
    assert (checked.notification_id, checked.status) == ("", enums_pb2.QUEUED)
    assert made.notification_id
