"""The asyncio client's methods for subscriptions."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator

from pulse_client.aio_calling import AsyncCalling
from pulse_client.subscriptions import calls
from pulse_client.subscriptions.subscription import EventDelivery, EventDeliveryState, NewSubscription, Subscription


class AsyncSubscriptionMethods(AsyncCalling):
    """Events sent to your own endpoints."""

    async def create_subscription(self, wanted: Subscription) -> NewSubscription:
        """Has what happens from now on sent there. Keep the secret: it is told once."""
        return await self._call(calls.create(wanted))

    async def update_subscription(self, wanted: Subscription) -> Subscription:
        """Replaces what you gave of the one of that ``subscription_id``."""
        return await self._call(calls.update(wanted))

    async def get_subscription(self, subscription_id: str) -> Subscription:
        """The one of that id."""
        return await self._call(calls.get(subscription_id))

    async def list_subscriptions(self) -> tuple[Subscription, ...]:
        """All of the tenant's, the last made first."""
        return await self._call(calls.list_all())

    async def delete_subscription(self, subscription_id: str) -> None:
        """Ends it, with its deliveries."""
        await self._call(calls.delete(subscription_id))

    async def rotate_subscription_secret(self, subscription_id: str) -> str:
        """Another secret; for 24 hours the one before signs too."""
        return await self._call(calls.rotate(subscription_id))

    async def test_subscription(self, subscription_id: str) -> EventDelivery:
        """Has subscription.test sent."""
        return await self._call(calls.test(subscription_id))

    async def pause_subscription(self, subscription_id: str) -> Subscription:
        """Nothing more is sent until it is resumed."""
        return await self._call(calls.pause(subscription_id))

    async def resume_subscription(self, subscription_id: str) -> Subscription:
        """Goes on where it was paused or disabled."""
        return await self._call(calls.resume(subscription_id))

    def list_event_deliveries(
        self, subscription_id: str, state: EventDeliveryState | str | None = None, page_size: int = 0
    ) -> AsyncIterator[EventDelivery]:
        """What became of its events, the last first, page by page as they are consumed."""
        return self._pages(calls.deliveries(subscription_id, state, page_size))

    async def redeliver_events(
        self,
        subscription_id: str,
        event_id: str = "",
        *,
        created_after: dt.datetime | None = None,
        created_before: dt.datetime | None = None,
    ) -> int:
        """Sends again what had ended: of one event, or of a range of time; how many, 10,000 at the most."""
        return await self._call(calls.redeliver(subscription_id, event_id, created_after, created_before))
