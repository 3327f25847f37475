"""Lists that find little in a large table."""

from __future__ import annotations

from tests.isolation.scene import Scene

READERS = 12


async def lists(scene: Scene) -> None:
    """Readers of what is delivered by push, of which there is none among a hundred thousand emails."""
    async with scene.target.client() as client:
        query = {"status": "DELIVERED", "channel": "PUSH", "page_size": "1000"}

        async def read() -> object:
            return await client.get("/v1/notifications", params=query)

        await scene.crowd(READERS, read)
