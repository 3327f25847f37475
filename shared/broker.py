"""The agreement between those who publish wake-ups to Celery and those who take them.

The broker is only a wake-up: what it loses the ledger hands out again, what it doubles the claim makes
harmless. So a task carries ids and nothing else, its name and queues are frozen, and there is no result
backend, no countdown and no Celery retry.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from celery import Celery
from kombu.entity import Queue

from shared import sentinel_broker, server_urls
from shared.ids import canonical_uuid
from shared.observe import tracing
from shared.refs import Ref
from shared.server_urls import ServerUrl

#: The one task; frozen, as versions N and N+1 share a broker during an upgrade.
DELIVER_TASK = "pulse.deliver"
#: Queue of each lane; the names are those the original's metrics use.
QUEUES = {"HIGH": "high_priority", "LOW": "low_priority"}


def celery_app(broker_url: str | ServerUrl, *, remote_control: bool = True) -> Celery:
    """A Celery application for ``broker_url`` (redis, by Sentinels too, or amqp); makes no connection yet."""
    broker = server_urls.parse(broker_url, server_urls.BROKERS) if isinstance(broker_url, str) else broker_url
    app = Celery("pulse", broker=broker.plain, set_as_current=False)
    # A publish is bounded: a half-open connection must not hold the publisher (kombu's default is for ever).
    bounds: dict[str, Any] = {"socket_timeout": 2.0, "socket_connect_timeout": 2.0, "socket_keepalive": True}
    if broker.sentinels:
        app.conf.broker_transport = sentinel_broker.TRANSPORT
        bounds |= sentinel_broker.options(broker.sentinels, broker.tls_options())
    if broker.scheme in server_urls.AMQP:
        # Published is what enough nodes have, not what was written to a socket. And nobody waits for a node that has
        # fallen silent: by itself a worker would wait for its goodbye for ever.
        bounds |= {"confirm_publish": True, "read_timeout": 5.0, "write_timeout": 5.0}
    app.conf.update(
        # Always said: with rediss:// alone kombu believes any certificate, and with amqps:// one for any name.
        broker_use_ssl=broker.tls_options() or None,
        task_serializer="json",
        accept_content=["json"],
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_queues=[_queue(name, broker) for name in QUEUES.values()],
        task_create_missing_queues=False,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=remote_control,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options=bounds,
        broker_connection_timeout=2.0,
        # A node of RabbitMQ that falls silent is left after two of these, s.
        broker_heartbeat=5,
    )
    return app


def _queue(name: str, broker: ServerUrl) -> Queue:
    kept = {"queue_arguments": {"x-queue-type": "quorum"}} if broker.quorum else {}
    return Queue(name, **kept)  # type: ignore[no-untyped-call]


#: The task's header with the traces of those ids that are sampled: traceparents by notification id.
TRACES_HEADER = "pulse_traces"


def decode_traces(header: Any) -> dict[str, str]:
    """Reads the header; whatever is no id with a traceparent is left out."""
    pairs = header.items() if isinstance(header, dict) else ()
    return {str(id_): found for id_, given in pairs if (found := tracing.accept(str(given)))}


def encode_refs(refs: Iterable[Ref]) -> list[list[str]]:
    """The task's only argument: pairs of tenant id and notification id."""
    return [[tenant_id, notification_id] for tenant_id, notification_id in refs]


def decode_refs(body: Any) -> list[Ref]:
    """Reads what :func:`encode_refs` wrote; whatever is not a pair of a name and a UUID is left out."""
    pairs = body if isinstance(body, list) else []
    return [ref for pair in pairs if (ref := _ref(pair)) is not None]


def _ref(pair: Any) -> Ref | None:
    if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) and part for part in pair)):
        return None
    notification_id = canonical_uuid(pair[1])
    return None if notification_id is None else (pair[0], notification_id)
