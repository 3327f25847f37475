"""A worker whose first provider fails: its notifications go by the second, and come back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from pulse.common.v1 import provider_pb2
from services.delivery.config import DeliverySettings
from services.delivery.ledger import LedgerClient
from services.delivery.providers import registry
from services.delivery.rules.breaker import BreakerState
from services.delivery.rules.breakers import Breakers
from services.delivery.rules.provider import Outcome, Outgoing, Provider, succeeded, transient
from services.delivery.rules.provider_view import Directive, ProviderView
from services.delivery.worker.engine import Engine
from services.delivery.worker.exchange import StateExchange
from shared.clock import SystemClock
from shared.refs import Ref
from shared.rpc.channels import open_channel
from tests.delivery.conftest import Sandbox
from tests.delivery.fakes import FakeLedger, FakeProvider
from tests.support import eventually

Start = Callable[..., Engine]
QUICK = {
    "delivery_breaker_least_calls": 4,
    "delivery_breaker_pause_seconds": 0.3,
}
LASTING = {"delivery_breaker_pause_seconds": 60, "delivery_breaker_longest_pause_seconds": 60}


@pytest.fixture
async def start(ledger: tuple[FakeLedger, str]) -> AsyncIterator[Start]:
    """Starts engines that exchange states with the fake ledger; stopped at the end."""
    channel = open_channel(ledger[1])
    engines: list[Engine] = []

    def make(*providers: Provider, **settings: Any) -> Engine:
        configured = DeliverySettings(**{**QUICK, **settings})
        client = LedgerClient(channel, worker_id="test", lease=configured.delivery_lease_seconds)
        engines.append(Engine(client, {each.name: each for each in providers}, configured, 256))
        engines[-1].start()
        return engines[-1]

    yield make
    for engine in engines:
        await engine.stop()
    await channel.close()


class Flaky(FakeProvider):
    """Fails while ``broken``."""

    broken = True

    async def send(self, outgoing: Outgoing, deadline: float) -> Outcome:
        self.sent.append(outgoing)
        return transient("421", "closing down") if self.broken else succeeded("1")


class Choosy(FakeProvider):
    """Fails, or hangs until ``opened``, for some recipients."""

    BAD, HANGS = "bad", "hangs"

    def __init__(self, concurrency: int) -> None:
        super().__init__(concurrency=concurrency)
        self.opened = asyncio.Event()

    async def send(self, outgoing: Outgoing, deadline: float) -> Outcome:
        self.sent.append(outgoing)
        if outgoing.to.startswith(self.HANGS):
            await self.opened.wait()
        return transient("421", "closing down") if outgoing.to.startswith(self.BAD) else succeeded("1")


def state(engine: Engine) -> BreakerState | None:
    """The first provider's."""
    return engine._breakers.views()[0].state


async def drive(engine: Engine, ledger: FakeLedger, refs: list[Ref]) -> None:
    """Hands refs to the engine, and again what became due again, until all are settled."""
    await engine.take(refs)

    async def all_settled() -> bool:
        again, ledger.again = ledger.again, []
        await engine.take(again)
        return all(ledger.outcome(ref) for ref in refs)

    await eventually(all_settled)


def emails(ledger: FakeLedger, count: int) -> list[Ref]:
    return [ledger.add("ada@example.org", then=["ses"]) for _ in range(count)]


async def test_a_failing_provider_is_left_alone_and_what_waits_for_it_goes_by_the_next(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    smtp, ses = Flaky(concurrency=2), FakeProvider(name="ses")
    engine = start(smtp, ses, **LASTING)
    refs = emails(ledger[0], 100)
    await drive(engine, ledger[0], refs)
    assert {ledger[0].outcome(ref) for ref in refs} == {"SUCCEEDED"}
    assert len(smtp.sent) <= 6, "four calls proved it, and two may have been under way"
    assert len(ses.sent) == 100
    assert ledger[0].avoided[-1] == {"smtp"}


async def test_it_is_tried_by_a_few_and_gets_its_notifications_back_when_it_works(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    smtp, ses = Flaky(), FakeProvider(name="ses")
    engine = start(smtp, ses)
    await drive(engine, ledger[0], emails(ledger[0], 40))
    failed = len(smtp.sent)
    await eventually(lambda: state(engine) is BreakerState.HALF_OPEN)
    await drive(engine, ledger[0], emails(ledger[0], 40))
    assert 0 < len(smtp.sent) - failed <= 3, "a pause and then three calls"
    smtp.broken = False
    await eventually(lambda: state(engine) is BreakerState.HALF_OPEN)
    await drive(engine, ledger[0], emails(ledger[0], 10))
    assert state(engine) is BreakerState.CLOSED
    before = len(smtp.sent)
    await drive(engine, ledger[0], emails(ledger[0], 40))
    assert len(smtp.sent) - before == 40
    assert ledger[0].avoided[-1] == set()


async def test_a_tenant_whose_addresses_fail_costs_another_nothing(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    """Its notifications go by the next provider, the other's by the first as ever."""
    smtp, ses = Choosy(concurrency=4), FakeProvider(name="ses")
    engine = start(smtp, ses, **LASTING)
    loud, quiet = [], []
    for _ in range(25):
        loud += [ledger[0].add(f"{Choosy.BAD}@example.org", then=["ses"], tenant="loud") for _ in range(4)]
        quiet.append(ledger[0].add("ada@example.org", then=["ses"], tenant="quiet"))
    await drive(engine, ledger[0], [quiet[0]])
    await drive(engine, ledger[0], [*loud, *quiet[1:]])
    assert {ledger[0].outcome(ref) for ref in (*loud, *quiet)} == {"SUCCEEDED"}
    assert state(engine) is BreakerState.CLOSED
    assert [mail.tenant_id for mail in smtp.sent].count("quiet") == 25
    assert [mail.tenant_id for mail in smtp.sent].count("loud") <= 7, "four proved it, three may have been under way"
    assert [mail.tenant_id for mail in ses.sent] == ["loud"] * 100


async def test_calls_of_one_tenant_that_hang_leave_slots_for_another(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    smtp, ses = Choosy(concurrency=4), FakeProvider(name="ses")
    engine = start(smtp, ses, delivery_stall_seconds=60, **LASTING)
    await drive(engine, ledger[0], [ledger[0].add("ada@example.org", then=["ses"], tenant="quiet")])
    await engine.take([ledger[0].add(f"{Choosy.HANGS}@example.org", tenant="loud") for _ in range(20)])
    await eventually(lambda: len(smtp.sent) == 1 + 3)
    await drive(engine, ledger[0], [ledger[0].add("ada@example.org", then=["ses"], tenant="quiet") for _ in range(20)])
    assert [mail.tenant_id for mail in smtp.sent].count("quiet") == 21
    smtp.opened.set()


async def test_a_tenant_that_came_first_and_holds_all_slots_stops_no_other(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    """Its calls hang; what waits of its own is handed back, and the provider is left alone for it alone."""
    smtp, ses = Choosy(concurrency=4), FakeProvider(name="ses")
    engine = start(smtp, ses, delivery_stall_seconds=0.2, **LASTING)
    await drive(engine, ledger[0], [ledger[0].add("ada@example.org", then=["ses"], tenant="quiet")])
    engine._lines["smtp"]._slots._now = lambda: time.monotonic() + 61  # nobody else sent for a minute
    loud = [ledger[0].add(f"{Choosy.HANGS}@example.org", tenant="loud") for _ in range(8)]
    await engine.take(loud)
    await eventually(lambda: len(smtp.sent) == 1 + 4)
    quiet = ledger[0].add("ada@example.org", then=["ses"], tenant="quiet")
    await engine.take([quiet])
    await eventually(lambda: [ledger[0].outcome(ref) for ref in loud].count("RELEASED") == 4)
    smtp.opened.set()
    await eventually(lambda: ledger[0].outcome(quiet) == "SUCCEEDED")
    assert (state(engine), len(ses.sent)) == (BreakerState.CLOSED, 0)


async def test_a_tenant_is_tried_again_by_few_and_gets_its_provider_back_though_its_calls_are_slow(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    """Each call takes longer than a stall does: only what waits behind all slots is a stall."""
    smtp, ses = Choosy(concurrency=16), FakeProvider(name="ses")
    engine = start(smtp, ses, delivery_stall_seconds=0.2)
    await drive(engine, ledger[0], [ledger[0].add("ada@example.org", then=["ses"], tenant="quiet")])
    bad = f"{Choosy.BAD}@example.org"
    await drive(engine, ledger[0], [ledger[0].add(bad, then=["ses"], tenant="loud") for _ in range(20)])
    failed = len(smtp.sent)
    await eventually(lambda: bool(engine._breakers._providers["smtp"].tenants.permits()))
    slow = [ledger[0].add(f"{Choosy.HANGS}@example.org", then=["ses"], tenant="loud") for _ in range(40)]
    await engine.take(slow)
    await eventually(lambda: len(ses.sent) >= 20 + 37)
    assert len(smtp.sent) - failed == 3
    await eventually(lambda: not engine._lines["smtp"].waiting)
    asyncio.get_running_loop().call_later(0.5, smtp.opened.set)
    await eventually(lambda: all(ledger[0].outcome(ref) == "SUCCEEDED" for ref in slow))
    await drive(engine, ledger[0], [ledger[0].add("ada@example.org", then=["ses"], tenant="loud") for _ in range(5)])
    assert len(smtp.sent) - failed == 3 + 5


async def test_a_fresh_worker_takes_over_what_others_see(start: Start, ledger: tuple[FakeLedger, str]) -> None:
    ledger[0].answer = [provider_pb2.ProviderState(provider="smtp", breaker=provider_pb2.OPEN)]
    smtp, ses = FakeProvider(), FakeProvider(name="ses")
    engine = start(smtp, ses, **LASTING)
    await eventually(lambda: len(ledger[0].told) >= 2)
    await drive(engine, ledger[0], emails(ledger[0], 10))
    assert (len(smtp.sent), len(ses.sent)) == (0, 10)
    assert ledger[0].told[-1]["smtp"] == "BREAKER_STATE_UNSPECIFIED"


async def test_what_an_operator_decided_counts_from_the_next_exchange_on(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    smtp, ses = FakeProvider(), FakeProvider(name="ses")
    ledger[0].answer = [provider_pb2.ProviderState(provider="smtp", override=provider_pb2.FORCED_OPEN)]
    engine = start(smtp, ses)
    await eventually(lambda: len(ledger[0].told) >= 2)
    await drive(engine, ledger[0], emails(ledger[0], 5))
    assert (len(smtp.sent), len(ses.sent)) == (0, 5)
    ledger[0].answer = [provider_pb2.ProviderState(provider="smtp", override=provider_pb2.AUTOMATIC)]
    told = len(ledger[0].told)
    await eventually(lambda: len(ledger[0].told) >= told + 2)
    await drive(engine, ledger[0], emails(ledger[0], 5))
    assert (len(smtp.sent), len(ses.sent)) == (5, 5)


async def test_one_that_is_forced_closed_meanwhile_is_called_though_it_was_to_be_avoided(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    smtp, ses = Flaky(), FakeProvider(name="ses")
    engine = start(smtp, ses, **LASTING)
    await drive(engine, ledger[0], emails(ledger[0], 20))
    smtp.broken = False
    ledger[0].answer = [provider_pb2.ProviderState(provider="smtp", override=provider_pb2.FORCED_CLOSED)]
    before = len(smtp.sent)
    await drive(engine, ledger[0], emails(ledger[0], 5))
    assert len(smtp.sent) == before + 5


async def test_a_ledger_that_exchanges_no_states_holds_up_nothing(start: Start, ledger: tuple[FakeLedger, str]) -> None:
    ledger[0].exchange_failures = 2
    engine = start(FakeProvider())
    ref = ledger[0].add("ada@example.org")
    await drive(engine, ledger[0], [ref])
    await eventually(lambda: len(ledger[0].told) >= 3)


@pytest.mark.parametrize("error", [KeyError("x"), ValueError(), AttributeError(), OverflowError(), MemoryError()])
async def test_an_answer_that_cannot_be_used_ends_no_exchange(
    error: Exception,
) -> None:
    errors = iter([error, error])
    answered: list[Sequence[ProviderView]] = []

    async def exchange(views: Sequence[ProviderView]) -> list[Directive]:
        for one in errors:
            raise one
        answered.append(views)
        return []

    policy = DeliverySettings().breaker_policy()
    breakers = Breakers({"smtp": "EMAIL"}, policy, SystemClock(), hand_back=print, watch=print)
    exchanging = StateExchange(exchange, breakers, pace=0.01)
    exchanging.start()
    await eventually(lambda: len(answered) >= 2)
    await exchanging.stop()


async def test_real_traffic_moves_from_a_failing_mail_server_to_ses_and_back(
    start: Start, ledger: tuple[FakeLedger, str], sandbox: Sandbox
) -> None:
    settings = {
        "smtp_host": "127.0.0.1",
        "smtp_port": sandbox.smtp_port,
        "ses_region": "eu-central-1",
        "ses_base_url": sandbox.http,
        "aws_access_key_id": "key",
        "aws_secret_access_key": "secret",
        "delivery_stall_seconds": 30.0,
    }
    built = registry.build(DeliverySettings(**settings), SystemClock())
    engine = start(*built.values(), **settings)
    refs: list[Ref] = []

    async def send(count: int) -> list[str]:
        sent = emails(ledger[0], count)
        refs.extend(sent)
        await drive(engine, ledger[0], sent)
        ids = {ref[1] for ref in sent}
        return [each["provider"] for each in sandbox.receipts() if each["notification_id"] in ids]

    assert set(await send(20)) == {"smtp"}
    sandbox.fault("smtp", "status", 421)
    assert "ses" in await send(60)
    sandbox.call("PUT", "/api/faults", [])
    await eventually(lambda: state(engine) is BreakerState.HALF_OPEN)
    await send(5)
    await eventually(lambda: state(engine) is BreakerState.CLOSED)
    assert set(await send(20)) == {"smtp"}
    assert {ledger[0].outcome(ref) for ref in refs} == {"SUCCEEDED"}
    receipts = [each["notification_id"] for each in sandbox.receipts()]
    assert sorted(receipts) == sorted(ref[1] for ref in refs), "each arrived once"
