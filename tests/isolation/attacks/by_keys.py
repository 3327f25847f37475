"""More keys than anybody needs."""

from __future__ import annotations

import itertools

from tests.isolation.scene import Scene


async def keys(scene: Scene) -> None:
    """Keys are made one after the other, which every gateway has to learn."""
    numbers = itertools.count()
    async with scene.target.client() as client:

        async def make() -> object:
            body = {"name": f"{scene.name}-{next(numbers)}", "scopes": ["read"]}
            return await client.post("/v1/keys", json=body)

        await scene.crowd(8, make)
