"""The asyncio client's methods for what is kept of recipients."""

from __future__ import annotations

from collections.abc import AsyncIterator

from pulse_client import calls_recipients as calls
from pulse_client.aio_calling import AsyncCalling
from pulse_client.enums import Channel, DeviceKind, SuppressionReason
from pulse_client.recipient import DeviceToken, Preferences, Suppression


class AsyncRecipientMethods(AsyncCalling):
    """Preferences, suppressions, device tokens."""

    async def get_preferences(self, user_id: str) -> Preferences:
        """What a user wants; without an ``update_time`` if nobody set any."""
        return await self._call(calls.get_preferences(user_id))

    async def update_preferences(self, preferences: Preferences) -> Preferences:
        """Replaces all of a user's preferences."""
        return await self._call(calls.update_preferences(preferences))

    def list_suppressions(self, user_id: str, page_size: int = 0) -> AsyncIterator[Suppression]:
        """What a user must not get, newest first, page by page as they are consumed."""
        return self._pages(calls.list_suppressions(user_id, page_size))

    async def create_suppression(
        self,
        user_id: str,
        channel: Channel | str | None = None,
        address: str = "",
        *,
        category: str = "",
        reason: SuppressionReason | str | None = None,
    ) -> Suppression:
        """Stops a channel or an address, of one category or all; doing it twice is no error."""
        return await self._call(calls.create_suppression(user_id, channel, address, category=category, reason=reason))

    async def delete_suppression(self, user_id: str, suppression_id: str) -> None:
        """Lifts a suppression."""
        await self._call(calls.delete_suppression(user_id, suppression_id))

    async def list_device_tokens(self, user_id: str) -> tuple[DeviceToken, ...]:
        """A user's devices, the last registered first."""
        return await self._call(calls.list_device_tokens(user_id))

    async def register_device_token(
        self, user_id: str, token: str, label: str = "", kind: DeviceKind | str | None = None
    ) -> DeviceToken:
        """Keeps a device for a user, FCM's unless ``kind`` says otherwise; it is taken from whoever had it."""
        return await self._call(calls.register_device_token(user_id, token, label, kind))

    async def delete_device_token(self, user_id: str, device_token_id: str) -> None:
        """Forgets a device."""
        await self._call(calls.delete_device_token(user_id, device_token_id))
