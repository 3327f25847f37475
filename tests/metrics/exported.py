"""Every metric that Pulse exports: its type, its labels and the roles that have it. Others rely on these names."""

from __future__ import annotations

from typing import NamedTuple


class Exported(NamedTuple):
    """One metric family; counters are named without ``_total``."""

    type: str
    labels: frozenset[str]
    roles: frozenset[str]


SERVERS = "gateway router ledger delivery"
WORKERS = "worker-high worker-low"


def _exported(type_: str, labels: str, roles: str) -> Exported:
    return Exported(type_, frozenset(labels.split()), frozenset(roles.split()))


EXPORTED = {
    # The original's.
    "pulse_celery_queue_length": _exported("gauge", "queue_name", "gateway"),
    "pulse_notifications_by_status": _exported("gauge", "status", "gateway"),
    "pulse_notifications_by_channel": _exported("gauge", "channel", "gateway"),
    "pulse_notification_failure_rate": _exported("gauge", "channel", "gateway"),
    "pulse_avg_retry_attempts": _exported("gauge", "", "gateway"),
    "pulse_notifications": _exported("counter", "", "gateway"),
    "pulse_notification_delivery_latency_seconds": _exported("histogram", "channel", WORKERS),
    # Every role's.
    "pulse_build_info": _exported("gauge", "version", f"{SERVERS} {WORKERS} console sandbox"),
    "pulse_rpc_requests": _exported("counter", "grpc_service grpc_method grpc_code", SERVERS),
    "pulse_rpc_duration_seconds": _exported("histogram", "grpc_service grpc_method", SERVERS),
    "pulse_batch_size": _exported("histogram", "batch", f"gateway router {WORKERS}"),
    "pulse_figures_age_seconds": _exported("gauge", "source", "gateway ledger"),
    # Gateway.
    "pulse_dead_letters": _exported("gauge", "channel", "gateway"),
    "pulse_gateway_waiting": _exported("gauge", "", "gateway"),
    "pulse_gateway_watches": _exported("gauge", "", "gateway"),
    # Router.
    "pulse_limiter_refusals": _exported("counter", "channel reason", "router"),
    "pulse_dispatch_window_notifications": _exported("gauge", "lane state", "router"),
    "pulse_dispatch_window_capacity": _exported("gauge", "lane", "router"),
    "pulse_dispatch_queue_tasks": _exported("gauge", "lane", "router"),
    "pulse_dispatch_backlog": _exported("gauge", "lane", "router"),
    "pulse_urgent_workers": _exported("gauge", "", "router"),
    "pulse_peer_away": _exported("gauge", "peer lane", "router"),
    # Ledger.
    "pulse_lane_notifications": _exported("gauge", "lane state", "ledger"),
    "pulse_lane_oldest_due_age_seconds": _exported("gauge", "lane", "ledger"),
    "pulse_ledger_clock_ahead_seconds": _exported("gauge", "", "ledger"),
    "pulse_accept_to_delivered_seconds": _exported("histogram", "lane", "ledger"),
    # Delivery service.
    "pulse_event_requests": _exported("counter", "outcome", "delivery"),
    "pulse_event_request_seconds": _exported("histogram", "", "delivery"),
    "pulse_subscriptions_disabled": _exported("counter", "", "delivery"),
    # Workers.
    "pulse_accept_to_provider_seconds": _exported("histogram", "lane", WORKERS),
    "pulse_attempts": _exported("counter", "provider channel outcome", WORKERS),
    "pulse_provider_call_seconds": _exported("histogram", "provider", WORKERS),
    "pulse_provider_waiting": _exported("gauge", "provider", WORKERS),
    "pulse_provider_breaker_state": _exported("gauge", "provider", WORKERS),
    "pulse_provider_breaker_transitions": _exported("counter", "provider state", WORKERS),
    "pulse_emails_without_unsubscribe_link": _exported("counter", "reason", WORKERS),
    "pulse_worker_in_hand": _exported("gauge", "", WORKERS),
    "pulse_worker_capacity": _exported("gauge", "", WORKERS),
    # Console.
    "pulse_console_requests": _exported("counter", "page status", "console"),
    "pulse_console_request_seconds": _exported("histogram", "page", "console"),
    # Sandbox.
    "pulse_sandbox_receipts": _exported("counter", "provider channel", "sandbox"),
    "pulse_sandbox_faults": _exported("counter", "provider action", "sandbox"),
    "pulse_sandbox_requests": _exported("counter", "route status", "sandbox"),
}


def series() -> frozenset[str]:
    """The names under which the samples are found in Prometheus."""
    suffixes = {"gauge": [""], "counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
    return frozenset(name + suffix for name, one in EXPORTED.items() for suffix in suffixes[one.type])
