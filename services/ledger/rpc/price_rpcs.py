"""What providers charge: converts, calls, converts back."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pulse.common.v1 import notification_pb2
from pulse.ledger.v1 import ledger_service_pb2 as pb
from pulse.ledger.v1 import ledger_service_pb2_grpc
from services.ledger.rpc import wire
from services.ledger.rpc.wire_enums import channel_needed
from services.ledger.stores.price_store import Cost, Price, Prices, PriceStore, ToldPrice
from shared.channel.numbers import number_of
from shared.errors import invalid_field
from shared.rpc.validation import check
from shared.times import to_timestamp

_AMOUNT = re.compile(r"[0-9]{1,6}(\.[0-9]{1,9})?")
_CURRENCY = re.compile(r"[A-Z]{3}")


class PriceWrites(ledger_service_pb2_grpc.LedgerServiceServicer):
    """Keeps them."""

    _prices: PriceStore

    async def RecordPrice(self, request: pb.RecordPriceRequest, context: Any) -> pb.RecordPriceResponse:
        check(request)
        ref = wire.ref(request.ref)
        if ref is None:
            return pb.RecordPriceResponse()
        told = ToldPrice(
            ref,
            wire.clean(request.provider),
            wire.clean(request.provider_message_id),
            channel_needed(request.channel, "channel"),
            _price_of(request.price),
        )
        return pb.RecordPriceResponse(applied=await self._prices.record(told))


def add_prices(timeline: Sequence[notification_pb2.TimelineEvent], prices: Prices) -> None:
    """Puts each beside the end of its attempt."""
    for event in timeline:
        price = prices.get((event.provider, event.provider_message_id))
        if price and event.kind == notification_pb2.TimelineEvent.ATTEMPT_ENDED:
            event.price.CopyFrom(_price(price))


def cost(found: Cost) -> notification_pb2.Cost:
    """As callers get it."""
    return notification_pb2.Cost(
        day=to_timestamp(dt.datetime.combine(found.day, dt.time(), dt.UTC)),
        channel=number_of(found.channel),
        provider=found.provider,
        price=_price(found.price),
        count=found.attempts,
    )


def _price(found: Price) -> notification_pb2.Price:
    return notification_pb2.Price(amount=_plain(found.amount), currency=found.currency)


def _plain(amount: Decimal) -> str:
    """Without an exponent, and without noughts behind the last digit that counts."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _price_of(message: notification_pb2.Price) -> Price:
    if not _AMOUNT.fullmatch(message.amount):
        raise invalid_field("price.amount", "BAD_PRICE", "is no amount below a million with 9 decimals at the most")
    if not _CURRENCY.fullmatch(message.currency):
        raise invalid_field("price.currency", "BAD_PRICE", "is no currency of ISO 4217")
    return Price(Decimal(message.amount), message.currency)
