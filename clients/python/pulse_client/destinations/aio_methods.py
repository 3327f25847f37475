"""The asyncio client's methods for destinations of channel CHAT; they need the scope ``administer``."""

from __future__ import annotations

from pulse_client.aio_calling import AsyncCalling
from pulse_client.destinations import calls
from pulse_client.destinations.destination import Destination


class AsyncDestinationMethods(AsyncCalling):
    """Rooms and channels of chat services, by name. Their addresses are given, and never told."""

    async def create_destination(self, name: str, url: str) -> Destination:
        """Registers one; ALREADY_EXISTS if the name is taken."""
        return await self._call(calls.create_destination(name, url))

    async def update_destination(self, name: str, url: str) -> Destination:
        """Sets where one leads, also for what waits to be sent to it."""
        return await self._call(calls.update_destination(name, url))

    async def get_destination(self, name: str) -> Destination:
        """What may be told of one."""
        return await self._call(calls.get_destination(name))

    async def list_destinations(self) -> tuple[Destination, ...]:
        """All of them, by name."""
        return await self._call(calls.list_destinations())

    async def delete_destination(self, name: str) -> None:
        """Takes one out of use; what waits for it fails, and can be replayed once there is one of its name."""
        await self._call(calls.delete_destination(name))
