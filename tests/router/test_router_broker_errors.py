"""A publisher whose broker refuses what it is asked: it says so, and goes on over a new connection."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
import redis

from services.router.dispatch.celery_queue import BrokerUnavailableError, CeleryQueue
from shared.broker import QUEUES, celery_app
from tests.router.conftest import OwnValkey

Server = redis.Redis


def replica(server: Server) -> None:
    server.replicaof("127.0.0.1", 1)


def wrong_type(server: Server) -> None:
    server.set(QUEUES["LOW"], "text")


def full(server: Server) -> None:
    server.config_set("maxmemory", "1")


def no_permission(server: Server) -> None:
    server.execute_command("ACL", "SETUSER", "default", "-lpush")


def mend(server: Server) -> None:
    server.replicaof("NO", "ONE")
    server.config_set("maxmemory", "0")
    server.execute_command("ACL", "SETUSER", "default", "+@all")
    server.delete(QUEUES["LOW"])


@pytest.fixture
def queue(own_valkey: OwnValkey) -> Iterator[CeleryQueue]:
    made = CeleryQueue(celery_app(f"{own_valkey.url}/1"), QUEUES["LOW"])
    yield made
    made.close()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [(replica, "READONLY"), (wrong_type, "WRONGTYPE"), (full, "OOM"), (no_permission, "NOPERM")],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_it_publishes_again_once_the_broker_takes_it(
    own_valkey: OwnValkey, queue: CeleryQueue, spoil: Callable[[Server], None], why: str
) -> None:
    refs = [("acme", str(uuid.uuid4()))]
    with redis.Redis.from_url(f"{own_valkey.url}/1") as server:
        queue.publish(refs, {})
        before = {one["id"] for one in server.client_list()} - {str(server.client_id())}
        spoil(server)
        with pytest.raises(BrokerUnavailableError, match=why):
            queue.publish(refs, {})
        mend(server)
        assert queue.publish(refs, {}) == 1
        assert queue.depth() >= 1
        assert not before & {one["id"] for one in server.client_list()}, "the connections before are thrown away"
