"""The warning about a broker that evicts."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import redis
from structlog.testing import capture_logs

from services.router.dispatch.eviction import warn_of_eviction
from shared.server_urls import BROKERS, parse


@pytest.fixture
def evicting(broker_url: str) -> Iterator[str]:
    """A broker whose policy is to evict; set back at the end."""
    with redis.Redis.from_url(broker_url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        yield broker_url
        client.config_set("maxmemory-policy", "noeviction")


async def test_a_broker_that_may_evict_is_warned_of(evicting: str) -> None:
    with capture_logs() as logs:
        await warn_of_eviction(parse(evicting, BROKERS))
    assert [(line["log_level"], line["policy"]) for line in logs] == [("warning", "allkeys-lru")]


async def test_a_broker_that_may_not_evict_or_does_not_tell_is_not(broker_url: str) -> None:
    with redis.Redis.from_url(broker_url) as client:
        client.acl_setuser("shy", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-config"])
    with capture_logs() as logs:
        await warn_of_eviction(parse(broker_url, BROKERS))
        await warn_of_eviction(parse(re.sub("//.*@", "//shy:any@", broker_url), BROKERS))
        await warn_of_eviction(parse("redis://127.0.0.1:1/1", BROKERS))
        await warn_of_eviction(parse("amqp://127.0.0.1:1//", BROKERS))
    assert [line for line in logs if line["log_level"] == "warning"] == []
