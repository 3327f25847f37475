"""What every process of the suite exports: names, types, labels, and the right numbers."""

from __future__ import annotations

import pytest

from proof.waiting import wait_until
from tests.metrics.conftest import EMAILS, OVER, TRACE_ID, Look
from tests.metrics.exported import EXPORTED, SERVERS, WORKERS

TWILIO = "/2010-04-01/Accounts/{sid}/Messages.json"
ROLES = f"{SERVERS} {WORKERS} console sandbox".split()


@pytest.mark.parametrize("role", ROLES)
def test_a_role_exports_what_it_should_and_nothing_else(look: Look, role: str) -> None:
    families = {name: one for name, one in look(role).families.items() if not name.startswith("process_")}
    expected = {name: one for name, one in EXPORTED.items() if role in one.roles}
    assert {name: one.type for name, one in families.items()} == {name: one.type for name, one in expected.items()}


@pytest.mark.parametrize("role", ROLES)
def test_every_series_has_the_labels_that_its_metric_should_have(look: Look, role: str) -> None:
    for name, family in look(role).families.items():
        if not name.startswith("process_"):
            for sample in family.samples:
                assert set(sample.labels) - {"le"} == EXPORTED[name].labels, sample


@pytest.mark.parametrize("role", ROLES)
def test_no_series_holds_anything_personal(look: Look, role: str) -> None:
    values = {
        value for family in look(role).families.values() for one in family.samples for value in one.labels.values()
    }
    assert not [value for value in values if "@" in value or "user" in value or "keen" in value or "555" in value]
    assert len(values) < 100


def test_the_originals_metrics_have_its_labels_and_words(look: Look) -> None:
    wait_until(lambda: look("gateway").value("pulse_notifications_by_status", status="sent") == EMAILS + 1)
    found = look("gateway")
    assert found.by("pulse_celery_queue_length", "queue_name") == {"high_priority": 0, "low_priority": 0}
    assert found.by("pulse_notifications_by_status", "status") == {
        "pending": 0,
        "sent": EMAILS + 1,
        "failed": 0,
        "retrying": 0,
    }
    assert found.by("pulse_notifications_by_channel", "channel") == {
        "email": EMAILS,
        "sms": 1,
        "push": 0,
        "whatsapp": 0,
        "chat": 0,
    }
    assert found.by("pulse_notification_failure_rate", "channel") == {
        "email": 0,
        "sms": 0,
        "push": 0,
        "whatsapp": 0,
        "chat": 0,
    }
    assert found.value("pulse_avg_retry_attempts") == 0
    assert found.value("pulse_notifications_total") == EMAILS + 1


def test_a_worker_counts_each_attempt_once_though_many_threads_take_its_tasks(look: Look) -> None:
    low, high = look("worker-low"), look("worker-high")
    assert low.value("pulse_attempts_total", provider="smtp", outcome="succeeded") == EMAILS
    assert low.value("pulse_notification_delivery_latency_seconds_count", channel="email") == EMAILS
    assert low.value("pulse_accept_to_provider_seconds_count", lane="low") == EMAILS
    assert low.value("pulse_provider_call_seconds_count", provider="smtp") == EMAILS
    assert low.value("pulse_batch_size_sum", batch="settle") == EMAILS
    assert high.value("pulse_attempts_total", provider="twilio", outcome="succeeded") == 1
    assert high.value("pulse_accept_to_provider_seconds_count", lane="high") == 1
    assert high.value("pulse_attempts_total", provider="smtp") == 0


def test_times_from_acceptance_lead_to_their_trace(look: Look) -> None:
    for role, name in (
        ("worker-low", "pulse_accept_to_provider_seconds_bucket"),
        ("worker-low", "pulse_provider_call_seconds_bucket"),
        ("ledger", "pulse_accept_to_delivered_seconds_bucket"),
    ):
        exemplars = [sample.exemplar for sample in look(role).samples(name) if sample.exemplar]
        assert {exemplar.labels["trace_id"] for exemplar in exemplars} == {TRACE_ID}, name


def test_what_a_provider_reports_as_delivered_is_timed_once(look: Look) -> None:
    assert look("ledger").value("pulse_accept_to_delivered_seconds_count", lane="high") == 1


def test_what_the_limiter_refuses_is_counted(look: Look) -> None:
    assert look("router").value("pulse_limiter_refusals_total", channel="email", reason="rate_limited") == OVER
    sends = {"grpc_method": "Send", "grpc_service": "pulse.gateway.v1.CompatibilityService"}
    assert look("gateway").value("pulse_rpc_requests_total", grpc_code="RESOURCE_EXHAUSTED", **sends) == OVER
    assert look("gateway").value("pulse_rpc_requests_total", grpc_code="OK", **sends) == EMAILS + 1
    assert look("gateway").value("pulse_rpc_duration_seconds_count", **sends) == EMAILS + OVER + 1


def test_every_hop_tells_how_large_its_batches_were(look: Look) -> None:
    assert look("gateway").value("pulse_batch_size_sum", batch="submit") == EMAILS + OVER + 1
    assert look("router").value("pulse_batch_size_sum", batch="record") == EMAILS + 1
    published, pushed = (look("router").value("pulse_batch_size_sum", batch=batch) for batch in ("publish", "push"))
    assert published + pushed == EMAILS + 1
    assert pushed <= 1, "no worker waits for LOW"


def test_the_sandbox_counts_what_it_took_on(look: Look) -> None:
    found = look("sandbox")
    assert found.value("pulse_sandbox_receipts_total", provider="smtp", channel="email") == EMAILS
    assert found.value("pulse_sandbox_receipts_total", provider="twilio", channel="sms") == 1
    assert found.value("pulse_sandbox_requests_total", route=TWILIO, status="201") == 1
    assert not found.samples("pulse_sandbox_faults_total")


def test_both_lanes_are_seen_while_nothing_waits(look: Look) -> None:
    ledger = look("ledger")
    assert ledger.by("pulse_lane_oldest_due_age_seconds", "lane") == {"high": 0, "low": 0}
    assert len(ledger.samples("pulse_lane_notifications")) == 2 * 3
    router = look("router")
    assert router.by("pulse_dispatch_window_capacity", "lane") == {"high": 2000, "low": 1000}
    assert router.value("pulse_dispatch_window_notifications", state="reserved") == 0
    assert router.value("pulse_peer_away") == 0
