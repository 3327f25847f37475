"""What Twilio charges: asked for once a message has arrived, and again where it does not say it yet."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from http.server import HTTPServer
from typing import Any

import pytest

from services.delivery.providers.base.receiver import Receiver, Report
from services.delivery.providers.twilio.message_price import MessagePrices, read
from services.delivery.receiving.price_asking import PriceAsking
from services.delivery.rules.receipts import Price, Receipt
from shared.errors import Code, PulseError
from tests.support.http_servers import QuietHandler, serving

RECEIPT = Receipt("acme", "0197a000-0000-4000-8000-00000000abcd", "twilio", "SM1", "DELIVERED")
PRICE = Price("acme", RECEIPT.notification_id, "twilio", "SM1", "SMS", "0.0079", "USD")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"price": "-0.00790", "price_unit": "USD"}, ("0.0079", "USD")),
        ({"price": "-0.0833", "price_unit": "eur"}, ("0.0833", "EUR")),
        ({"price": "0", "price_unit": "USD"}, ("0", "USD")),
        ({"price": -0.1, "price_unit": "USD"}, ("0.1", "USD")),
        ({"price": "-1e-5", "price_unit": "USD"}, ("0.00001", "USD")),
        ({"price": "-0.00000000049", "price_unit": "USD"}, ("0", "USD")),
        ({"price": None, "price_unit": "USD"}, None),
        ({"price": "", "price_unit": "USD"}, None),
        ({"price": "free", "price_unit": "USD"}, None),
        ({"price": "NaN", "price_unit": "USD"}, None),
        ({"price": "-Infinity", "price_unit": "USD"}, None),
        ({"price": "-1e9", "price_unit": "USD"}, None),
        ({"price": [1], "price_unit": "USD"}, None),
        ({"price": "-1", "price_unit": None}, None),
        ({"price": "-1", "price_unit": "dollars"}, None),
        ({"price_unit": "USD"}, None),
        ([], None),
        ("x", None),
    ],
)
def test_only_what_is_a_price_is_read(fields: Any, expected: Any) -> None:
    assert read(json.dumps(fields).encode()) == expected


def test_what_is_no_json_has_no_price() -> None:
    for body in (b"", b"<html>", b"\xff", b"[" * 100_000):
        assert read(body) is None


class Twilio(HTTPServer):
    """Says of messages what it is told to; keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: deque[tuple[int, bytes]] = deque()
        self.asked: list[tuple[str, str]] = []


class Handler(QuietHandler):
    server: Twilio

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"]))
        status, body = self.server.answers.popleft()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    server = Twilio()
    with serving(server):
        yield server


async def test_a_message_is_asked_for_by_its_account_and_id(twilio: Twilio) -> None:
    twilio.answers.extend([(200, b'{"price": "-0.00790", "price_unit": "USD"}'), (200, b'{"price": null}'), (404, b"")])
    prices = MessagePrices("AC1", "secret", f"http://127.0.0.1:{twilio.server_port}", "SMS")
    assert [await prices.of(RECEIPT) for _ in range(3)] == [PRICE, None, None]
    assert twilio.asked[0] == ("/2010-04-01/Accounts/AC1/Messages/SM1.json", "Basic QUMxOnNlY3JldA==")
    forged = Receipt("acme", RECEIPT.notification_id, "twilio", "../../Balance", "DELIVERED")
    assert await prices.of(forged) is None and len(twilio.asked) == 3
    await prices.close()


class Telling(Receiver):
    """Answers in turn; an error is raised."""

    def __init__(self, *answers: Price | Exception | None, tells: bool = True) -> None:
        self.answers = deque(answers)
        self.tells = tells
        self.asked = 0

    async def take(self, report: Report) -> Sequence[Receipt]:
        return []

    @property
    def tells_prices(self) -> bool:
        return self.tells

    async def price(self, receipt: Receipt) -> Price | None:
        self.asked += 1
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Kept:
    """What was recorded; refuses as often as it is told to."""

    def __init__(self) -> None:
        self.prices: list[Price] = []
        self.refusals = 0
        self.done = asyncio.Event()

    async def __call__(self, price: Price) -> None:
        if self.refusals:
            self.refusals -= 1
            raise PulseError(Code.UNAVAILABLE, "LEDGER_UNAVAILABLE", "no answer")
        self.prices.append(price)
        self.done.set()


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    yield Kept()


async def test_it_is_asked_again_until_the_price_is_told(kept: Kept) -> None:
    asking = PriceAsking(kept, pauses=(0, 0, 0, 0))
    receiver = Telling(None, OSError("away"), PRICE)
    asking.about(receiver, [RECEIPT])
    await asyncio.wait_for(kept.done.wait(), 10)
    assert (kept.prices, receiver.asked) == ([PRICE], 3)
    await asking.close()


async def test_a_ledger_that_is_away_is_told_later(kept: Kept) -> None:
    kept.refusals = 2
    asking = PriceAsking(kept, pauses=(0, 0, 0))
    asking.about(Telling(PRICE, PRICE, PRICE), [RECEIPT])
    await asyncio.wait_for(kept.done.wait(), 10)
    assert kept.prices == [PRICE]
    await asking.close()


async def test_who_tells_no_prices_is_not_asked_and_closing_ends_the_waiting(kept: Kept) -> None:
    asking = PriceAsking(kept, pauses=(3600,))
    silent, telling = Telling(tells=False), Telling(PRICE)
    asking.about(silent, [RECEIPT])
    asking.about(telling, [RECEIPT])
    await asyncio.wait_for(asking.close(), 10)
    assert (silent.asked, telling.asked, kept.prices) == (0, 0, [])
