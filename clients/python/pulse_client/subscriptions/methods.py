"""The client's methods for subscriptions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from pulse_client.calling import Calling
from pulse_client.subscriptions import calls
from pulse_client.subscriptions.subscription import EventDelivery, EventDeliveryState, NewSubscription, Subscription


class SubscriptionMethods(Calling):
    """Events sent to your own endpoints."""

    def create_subscription(self, wanted: Subscription) -> NewSubscription:
        """Has what happens from now on sent there. Keep the secret: it is told once."""
        return self._call(calls.create(wanted))

    def update_subscription(self, wanted: Subscription) -> Subscription:
        """Replaces what you gave of the one of that ``subscription_id``."""
        return self._call(calls.update(wanted))

    def get_subscription(self, subscription_id: str) -> Subscription:
        """The one of that id."""
        return self._call(calls.get(subscription_id))

    def list_subscriptions(self) -> tuple[Subscription, ...]:
        """All of the tenant's, the last made first."""
        return self._call(calls.list_all())

    def delete_subscription(self, subscription_id: str) -> None:
        """Ends it, with its deliveries."""
        self._call(calls.delete(subscription_id))

    def rotate_subscription_secret(self, subscription_id: str) -> str:
        """Another secret; for 24 hours the one before signs too."""
        return self._call(calls.rotate(subscription_id))

    def test_subscription(self, subscription_id: str) -> EventDelivery:
        """Has subscription.test sent."""
        return self._call(calls.test(subscription_id))

    def pause_subscription(self, subscription_id: str) -> Subscription:
        """Nothing more is sent until it is resumed."""
        return self._call(calls.pause(subscription_id))

    def resume_subscription(self, subscription_id: str) -> Subscription:
        """Goes on where it was paused or disabled."""
        return self._call(calls.resume(subscription_id))

    def list_event_deliveries(
        self, subscription_id: str, state: EventDeliveryState | str | None = None, page_size: int = 0
    ) -> Iterator[EventDelivery]:
        """What became of its events, the last first, page by page as they are consumed."""
        return self._pages(calls.deliveries(subscription_id, state, page_size))

    def redeliver_events(
        self,
        subscription_id: str,
        event_id: str = "",
        *,
        created_after: dt.datetime | None = None,
        created_before: dt.datetime | None = None,
    ) -> int:
        """Sends again what had ended: of one event, or of a range of time; how many, 10,000 at the most."""
        return self._call(calls.redeliver(subscription_id, event_id, created_after, created_before))
