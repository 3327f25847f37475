"""A look at the broker's eviction policy: one that evicts takes queued tasks away when memory runs short."""

from __future__ import annotations

import asyncio
from typing import Any

from services.router import redis_client
from shared.observe.logs import logger
from shared.server_urls import REDIS, ServerUrl

log: Any = logger(__name__)

#: Longest wait for the answer, s: this is advice, and nothing waits for it.
_PATIENCE = 2.0


async def warn_of_eviction(broker: ServerUrl) -> None:
    """Logs a warning if the broker is a Redis that may evict; silent if it may not or does not tell."""
    if broker.scheme not in REDIS:
        return
    redis = redis_client.client(broker, _PATIENCE)
    try:
        async with asyncio.timeout(_PATIENCE):
            policy = (await redis.config_get("maxmemory-policy")).get("maxmemory-policy", "noeviction")
    except Exception as error:  # whatever it is: this is advice
        log.debug("the broker does not tell its eviction policy", why=type(error).__name__)
        return
    finally:
        await redis_client.close(redis)
    if policy != "noeviction":
        log.warning("the broker may evict queued tasks", policy=policy, set_to="maxmemory-policy noeviction")
