"""A client of a Redis or Valkey: the one that an address names, or the primary that its Sentinels know."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from shared.server_urls import ServerUrl

#: What an address says besides the database and the login.
_OF_THE_HOST = ("host", "port", "connection_class")


def client(server: ServerUrl, seconds: float, **options: Any) -> Redis:
    """Makes no connection yet; ``options`` are redis-py's.

    ``seconds`` is how long its user waits for a connection: half of it is there for all Sentinels, were they silent.
    """
    options |= server.tls_options()
    if server.sentinels is None:
        return Redis.from_url(server.plain, **options)
    told = {key: value for key, value in parse_url(server.plain).items() if key not in _OF_THE_HOST}
    tls = {"ssl": True, **server.tls_options()} if server.tls else {}
    # By itself redis-py would ask one that is gone again and again for seconds, with others to ask.
    patience = seconds / (2 * max(2, len(server.sentinels.places)))
    asked = server.sentinels.redis(patience) | tls | {"retry": Retry(NoBackoff(), 0)}
    several = Sentinel(server.sentinels.places, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]
    found: Redis = several.master_for(server.sentinels.primary, Redis, SentinelConnectionPool, **(options | told | tls))
    return found


async def close(redis: Redis) -> None:
    """Closes the client's connections, those to Sentinels too."""
    await redis.aclose()
    pool = redis.connection_pool
    if isinstance(pool, SentinelConnectionPool):
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()
