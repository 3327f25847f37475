"""The asyncio client differs from its twin in how it waits, and in nothing else."""

from __future__ import annotations

import datetime as dt
import inspect
from decimal import Decimal

import pytest

from pulse.common.v1 import enums_pb2
from pulse_client import (
    AsyncClient,
    Channel,
    Client,
    Cost,
    Price,
    PulseError,
    Request,
    Sent,
    Status,
    Template,
    TemplateContent,
)
from tests.client.fake_gateway import AWAY, LIMITED, FakeGateway

ANN = Request(user_id="u1", template="welcome_email", to="ann@example.org")


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    def shape(client: type) -> dict[str, list[str]]:
        methods = {name: member for name, member in vars(client).items() if name[0] != "_"}
        return {name: list(inspect.signature(member).parameters) for name, member in methods.items()}

    assert shape(Client) == shape(AsyncClient)


async def test_a_send_is_tried_again_while_the_gateway_is_unavailable(
    aio_client: AsyncClient, gateway: FakeGateway
) -> None:
    gateway.notifications.script.extend([AWAY, AWAY])
    assert (await aio_client.send(**ANN)).status is Status.QUEUED
    assert len(gateway.notifications.calls) == 3


async def test_an_error_is_a_pulse_error(aio_client: AsyncClient) -> None:
    with pytest.raises(PulseError) as caught:
        await aio_client.send(user_id="u", template="t", to="nowhere")
    assert caught.value.violations[0].field == "to"


async def test_many_keep_their_order(aio_client: AsyncClient, gateway: FakeGateway) -> None:
    requests = [ANN, Request(user_id="u", template="t", to="nowhere"), ANN]
    results = [result async for result in aio_client.send_many(requests, chunk=2)]
    assert [isinstance(result, Sent) for result in results] == [True, False, True]
    assert len(gateway.notifications.calls) == 2


async def test_a_batch_that_fails_whole_gives_its_error_to_each(aio_client: AsyncClient, gateway: FakeGateway) -> None:
    gateway.notifications.script.append(LIMITED)
    results = [result async for result in aio_client.send_many([ANN, ANN])]
    assert [result.reason for result in results if isinstance(result, PulseError)] == ["RATE_LIMITED"] * 2


async def test_list_goes_through_all_pages(aio_client: AsyncClient) -> None:
    for number in range(3):
        await aio_client.send(user_id="u1", template="t", to=f"{number}@example.org")
    assert [n.to[0] async for n in aio_client.list(page_size=2)] == ["2", "1", "0"]


async def test_a_watch_goes_on_where_its_stream_broke(aio_client: AsyncClient, gateway: FakeGateway) -> None:
    sent = await aio_client.send(**ANN)
    gateway.notifications.happen(sent.notification_id, enums_pb2.SENDING, enums_pb2.SENT)
    gateway.notifications.breaks.extend([1, 0])
    assert [event.sequence async for event in aio_client.watch(sent.notification_id)] == [1, 2, 3]
    assert gateway.notifications.watched_after == [0, 1, 1]
    assert (await aio_client.wait(sent.notification_id)).status is Status.SENT
    assert (await aio_client.get(sent.notification_id)).status is Status.SENT


async def test_cancel_and_the_rest_answer_too(aio_client: AsyncClient) -> None:
    sent = await aio_client.send(**ANN)
    assert (await aio_client.cancel(sent.notification_id)).status is Status.CANCELLED
    template = Template("hi", Channel.SMS, (TemplateContent("Hi {{ name }}"),))
    assert (await aio_client.create_template(template)).version == 1
    assert (await aio_client.update_template(template)).version == 2
    assert (await aio_client.get_template("hi")).version == 2
    assert [t.name async for t in aio_client.list_templates()] == ["hi"]
    assert (await aio_client.preview_template("hi", {"name": "Ann"})).body == "Hi Ann"
    await aio_client.delete_template("hi")
    assert (await aio_client.queue_depths())[0].due == 3
    statistics = await aio_client.statistics()
    assert statistics.average_retry_attempts == 1.5
    price = Price(Decimal("12.3398"), "USD")
    assert statistics.costs == (Cost(dt.date(2026, 6, 1), Channel.SMS, "twilio", price, 1562),)
