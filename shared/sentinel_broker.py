"""kombu's transport for a Redis or Valkey whose primary is known by Sentinels.

kombu takes Sentinels as alternative addresses of the broker. It would then go from one to the next at every failure
and, with the address, to its own transport, whichever it was given. Here they are an option, and the address stays.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis

from shared.server_urls import Sentinels

TRANSPORT = "shared.sentinel_broker:SentinelTransport"
#: A Sentinel that is silent for so long is passed over, s.
_SENTINEL_SECONDS = 0.5
#: Redis' driver as kombu has it: limits alone, which are the router's, import it by themselves.
driver: Any = redis.redis  # type: ignore[attr-defined]


def options(sentinels: Sentinels, tls: dict[str, Any]) -> dict[str, Any]:
    """kombu's transport options; ``tls`` as redis-py wants it, empty: in the clear."""
    encrypted = {"ssl": True, **tls} if tls else {}
    return {
        "sentinels": sentinels.places,
        "master_name": sentinels.primary,
        "sentinel_kwargs": sentinels.redis(_SENTINEL_SECONDS) | encrypted,
    }


class SentinelChannel(redis.SentinelChannel):
    """kombu's, with the Sentinels of the option ``sentinels``."""

    from_transport_options = (*redis.SentinelChannel.from_transport_options, "sentinels")  # type: ignore[assignment]
    # Options become attributes.
    sentinels: tuple[tuple[str, int], ...] = ()
    sentinel_kwargs: dict[str, Any]
    master_name: str

    def _sentinel_managed_pool(self, asynchronous: bool = False) -> Any:
        wanted = self._connparams(asynchronous)  # type: ignore[no-untyped-call]
        for key in ("host", "port"):
            wanted.pop(key, None)
        # By itself redis-py would ask one that is gone again and again for seconds, with others to ask.
        asked = {**self.sentinel_kwargs, "retry": driver.retry.Retry(driver.backoff.NoBackoff(), 0)}
        manager = driver.sentinel.Sentinel(self.sentinels, sentinel_kwargs=asked, **wanted)
        # kombu closes these.
        if asynchronous:
            self._async_sentinel_manager = manager
        else:
            self._sentinel_manager = manager
        return manager.master_for(self.master_name).connection_pool


class SentinelTransport(redis.SentinelTransport):
    """kombu's, with such channels."""

    Channel = SentinelChannel
