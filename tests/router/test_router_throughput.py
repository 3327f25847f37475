"""Bounded providers: what is above their rate waits in the ledger, and nobody else waits for it."""

from __future__ import annotations

import time
from typing import Any

from tests.router.conftest import OwnValkey
from tests.router.played_ledger import PlayedLedger
from tests.router.queues import Queues
from tests.router.samples import submission
from tests.router.windows import fullest
from tests.support import eventually

#: What is drawn is not drawn a second time while a test lasts.
ONCE = {"router_redispatch_after_seconds": 60}


async def test_a_bounded_providers_notifications_lie_in_the_ledger_until_they_are_drawn(
    run_router: Any, ledger: PlayedLedger, queues: Queues
) -> None:
    router = await run_router(router_provider_rates="twilio=10/1", **ONCE)
    sms, mail = await router.submit(submission(channel="SMS", to="+4915112345678"), submission())
    assert not ledger.rows[sms.notification_id].entry.dispatched
    assert ledger.rows[mail.notification_id].entry.dispatched
    await eventually(lambda: sms.notification_id in queues.ids("LOW"))


async def test_two_routers_give_a_provider_no_more_than_its_rate(run_router: Any, ledger: PlayedLedger) -> None:
    ledger.fill(300, provider="twilio")
    ledger.fill(300, "HIGH", provider="twilio")
    for _ in range(2):
        await run_router(router_provider_rates="twilio=100/0.5", router_replicas=2, **ONCE)
    await eventually(lambda: len(ledger.drawn) >= 300)
    # Noted when the ledger is asked, which the machine may delay: so much closer together they may lie.
    assert fullest([when for when, _ in ledger.drawn], 0.5 * 0.8) <= 100


async def test_a_backlog_for_a_bounded_provider_holds_up_nobody_else(
    run_router: Any, ledger: PlayedLedger, queues: Queues
) -> None:
    ledger.fill(1_000, provider="twilio")
    ids = ledger.fill(600, provider="smtp")
    router = await run_router(router_provider_rates="twilio=5/1", **ONCE)
    taken: set[str] = set()

    def all_taken() -> bool:
        taken.update(queues.ids("LOW"))
        return taken.issuperset(ids)

    await eventually(all_taken)
    await eventually(lambda: ledger.drawn[-1][1] == "twilio")
    (fresh,) = await router.submit(submission())
    assert ledger.rows[fresh.notification_id].entry.dispatched


async def test_the_dispatcher_does_not_ask_for_what_its_provider_may_not_be_given_yet(
    run_router: Any, ledger: PlayedLedger
) -> None:
    """One token in 10 s, sweeps every 0.5 s: neither the backlog nor what comes in makes it draw more often."""
    ledger.fill(100, provider="twilio")
    router = await run_router(router_provider_rates="twilio=6/60", router_sweep_seconds=0.5, **ONCE)
    await eventually(lambda: ledger.draws["LOW"] >= 2)
    before, began = ledger.draws["LOW"], time.monotonic()
    for _ in range(100):
        await router.submit(submission(channel="SMS", to="+4915112345678"))
    elapsed = time.monotonic() - began
    assert ledger.draws["LOW"] - before <= elapsed / 0.5 + 2


async def test_an_operator_sets_a_rate_while_routers_run(run_router: Any, ledger: PlayedLedger) -> None:
    router = await run_router(router_limits_poll_seconds=0.05)
    (free,) = await router.submit(submission())
    assert ledger.rows[free.notification_id].entry.dispatched
    ledger.set_limit("PROVIDER", 5, 60, subject="smtp")

    async def is_bounded() -> bool:
        (result,) = await router.submit(submission())
        return not ledger.rows[result.notification_id].entry.dispatched

    await eventually(is_bounded)
    ledger.delete_limits()

    async def is_free() -> bool:
        return not await is_bounded()

    await eventually(is_free)


async def test_dispatch_to_bounded_providers_goes_on_without_redis(
    run_router: Any, ledger: PlayedLedger, own_valkey: OwnValkey
) -> None:
    """At this router's share, and at the whole rate again once Redis is back; never above it."""
    ledger.fill(2_000, provider="twilio")
    settings = {"router_provider_rates": "twilio=100/0.5", "router_low_window": 4000}
    await run_router(redis_url=own_valkey.url, **settings, **ONCE)
    await eventually(lambda: len(ledger.drawn) >= 100)
    own_valkey.kill()
    lost = len(ledger.drawn)
    await eventually(lambda: len(ledger.drawn) >= lost + 200)
    own_valkey.start()
    back = len(ledger.drawn)
    await eventually(lambda: len(ledger.drawn) >= back + 300)
    assert fullest([when for when, _ in ledger.drawn], 0.5 * 0.8) <= 100
