"""Providers: what the delivery service knows of them, which the public API does not tell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulse.common.v1 import enums_pb2
from pulse.delivery.v1 import delivery_service_pb2
from shared import channels
from shared.times import from_timestamp

if TYPE_CHECKING:
    from pulse.delivery.v1.delivery_service_pb2_grpc import DeliveryServiceAsyncStub

#: Longest wait for the answer, seconds: it may try the providers first.
ANSWER_S = 8.0


@dataclass(frozen=True)
class Provider:
    """One provider of a channel; ``problem`` says why it cannot be reached, empty if it can."""

    name: str
    channel: str
    problem: str
    checked_at: dt.datetime | None


class Providers:
    """Asks; changes nothing."""

    def __init__(self, stub: DeliveryServiceAsyncStub) -> None:
        self._stub = stub

    async def list(self) -> Sequence[Provider]:
        """In the order of the routes; raises :class:`shared.errors.PulseError` if the service cannot be asked."""
        answer = await channels.call(
            self._stub.ListProviders, delivery_service_pb2.ListProvidersRequest(), longest=ANSWER_S
        )
        return [_provider(each) for each in answer.providers]


def _provider(known: delivery_service_pb2.Provider) -> Provider:
    checked_at = from_timestamp(known.check_time) if known.HasField("check_time") else None
    problem = "" if known.reachable else known.problem or "it cannot be reached"
    return Provider(known.name, enums_pb2.Channel.Name(known.channel), problem, checked_at)
