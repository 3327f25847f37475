"""The asyncio client's methods for operators."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Unpack

from pulse_client import calls
from pulse_client import calls_operations as own_calls
from pulse_client.aio_calling import AsyncCalling
from pulse_client.calls_operations import Deaths, Waiting
from pulse_client.enums import BreakerOverride, Channel, LimitKind, ReplayTemplate
from pulse_client.models import Notification, QueueDepth, Statistics
from pulse_client.operations import Cancelled, Limit, ProviderState, Replay


class AsyncOperationMethods(AsyncCalling):
    """Queues, dead letters, limits, providers."""

    async def queue_depths(self) -> tuple[QueueDepth, ...]:
        """What waits in each lane."""
        return await self._call(calls.queue_depths())

    async def statistics(self, window: dt.timedelta | None = None) -> Statistics:
        """Counts of what was accepted within ``window`` (up to 31 days; None: 24 hours)."""
        return await self._call(calls.statistics(window))

    async def cancel_many(self, dry_run: bool = False, **waiting: Unpack[Waiting]) -> Cancelled:
        """Takes back all that match and wait to be sent, 100,000 a call at the most, or only counts them."""
        return await self._call(own_calls.cancel_many(dry_run, **waiting))

    def list_dead_letters(self, page_size: int = 0, **deaths: Unpack[Deaths]) -> AsyncIterator[Notification]:
        """What failed for good, the last to die first, page by page as they are consumed."""
        return self._pages(own_calls.list_dead_letters(page_size, **deaths))

    async def replay_dead_letter(
        self, notification_id: str, template: ReplayTemplate | str | None = None
    ) -> Notification:
        """Sends one on its way again, if told so by its template's NEWEST version; FAILED_PRECONDITION: it is none."""
        return await self._call(own_calls.replay_dead_letter(notification_id, template))

    async def replay_dead_letters(
        self,
        rate: int = 0,
        dry_run: bool = False,
        template: ReplayTemplate | str | None = None,
        **deaths: Unpack[Deaths],
    ) -> Replay:
        """Sends all that match on their way again, ``rate`` in a second (up to 10,000; 0: 100), or only counts them."""
        return await self._call(own_calls.replay_dead_letters(rate, dry_run, template, **deaths))

    async def list_limits(self, tenant_id: str = "") -> tuple[Limit, ...]:
        """Limits that differ from what is configured; of another tenant, or "*", only for platform administrators."""
        return await self._call(own_calls.list_limits(tenant_id))

    async def set_limit(
        self,
        kind: LimitKind | str,
        amount: int,
        window: dt.timedelta | None = None,
        *,
        subject: str = "",
        tenant_id: str = "",
    ) -> Limit:
        """Sets or replaces one, in effect everywhere within seconds; ``tenant_id`` as in :meth:`list_limits`."""
        return await self._call(own_calls.set_limit(kind, amount, window, subject=subject, tenant_id=tenant_id))

    async def delete_limit(self, limit_id: str, tenant_id: str = "") -> None:
        """Forgets one: what is configured counts again."""
        await self._call(own_calls.delete_limit(limit_id, tenant_id))

    async def list_providers(self) -> tuple[ProviderState, ...]:
        """How every provider does."""
        return await self._call(own_calls.list_providers())

    async def override_breaker(self, provider: str, override: BreakerOverride | str) -> ProviderState:
        """Decides on a provider's breaker, or with AUTOMATIC leaves it to failures again."""
        return await self._call(own_calls.override_breaker(provider, override))

    async def pause(self, channel: Channel | str | None = None, provider: str = "") -> None:
        """Stops sending by a channel, or by a provider; what waits goes on waiting."""
        await self._call(own_calls.pause(channel, provider))

    async def resume(self, channel: Channel | str | None = None, provider: str = "") -> None:
        """Goes on sending by a channel, or by a provider."""
        await self._call(own_calls.resume(channel, provider))
