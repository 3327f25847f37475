"""The stream of news from the ledger is opened again however long the ledger is away."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.api import subscription
from services.gateway.api.subscription import Subscription, pause
from services.gateway.api.watch import Watch
from services.gateway.door.headers import Headers
from tests.support import eventually


@pytest.mark.parametrize("failures", [0, 1, 2, 5, 6, 10, 11, 1_023, 1_024, 1_078, 10_000, 1_000_000])
def test_a_pause_grows_to_the_longest_and_no_further(failures: int) -> None:
    most = min(subscription.LONGEST_PAUSE_S, subscription.BASE_PAUSE_S * 2 ** min(failures, 10))
    pauses = [pause(failures) for _ in range(200)]
    assert 0 <= min(pauses) < most / 2 < max(pauses) <= most


async def test_the_stream_is_opened_again_after_any_number_of_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "BASE_PAUSE_S", 0.0)
    tries = 0

    def follow() -> Any:
        nonlocal tries
        tries += 1
        raise ConnectionError

    news = Subscription(follow)
    await news.start()
    with news.followed(Watch(("acme", "n"), Headers(), 0.0), 1):
        await eventually(lambda: tries > 1_100)
    await news.stop()
