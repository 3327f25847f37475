"""The whole suite with certificates: everything works, and nobody without one gets past the edge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from proof.local_run import pulse
from pulse.ledger.v1.ledger_reader_pb2 import ListKeysRequest
from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderStub
from services.local import certificates
from tests.e2e.suite import Suite, running


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """Everything, with mutual TLS between the roles."""
    with running(tmp_path_factory.mktemp("guarded"), PULSE_LOCAL_TLS="true") as suite:
        yield suite


def test_what_comes_in_at_the_edge_reaches_a_provider(guarded: Suite) -> None:
    for channel, to, template in (
        ("email", "ann@example.com", "welcome_email"),
        ("sms", "+14155552671", "login_otp"),
    ):
        body = {"template_name": template, "channel": channel, "to": to, "context": {"name": "Ann", "code": "1"}}
        sent = guarded.send(**body)
        assert sent.status_code == 202, sent.text
        guarded.until_arrived(sent.json()["notification_id"])


def test_every_page_that_asks_inside_is_answered(guarded: Suite) -> None:
    for path in ("/console", "/console/providers", "/v1/operations/queues", "/v1/templates", "/v1/keys"):
        answer = guarded.rest.get(path, follow_redirects=True)
        assert answer.status_code == 200, (path, answer.text[:300])
    # Providers' health is asked of the delivery service, and shown even if it refuses: so look at its words.
    assert "smtp" in guarded.rest.get("/console/providers", follow_redirects=True).text


def test_no_log_tells_of_a_refused_role(guarded: Suite) -> None:
    for log in (guarded.home / "log").glob("*.log"):
        assert "CALLER_NOT_ALLOWED" not in log.read_text(), log.name


def test_past_the_edge_a_certificate_is_asked_for(guarded: Suite) -> None:
    with grpc.insecure_channel(guarded.roles()["ledger"]["address"]) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            LedgerReaderStub(channel).ListKeys(ListKeysRequest(), timeout=5)
    assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


def test_the_command_calls_the_gateway_with_a_certificate(guarded: Suite) -> None:
    own = certificates.files(guarded.home / "data" / "certificates", "client")
    names = {
        "PULSE_TLS_CERT_FILE": own.certificate,
        "PULSE_TLS_KEY_FILE": own.key,
        "PULSE_TLS_CA_FILE": own.authorities,
    }
    answer = pulse(guarded.home, "queues", "--json", **names)
    assert answer.returncode == 0, answer.stderr
    assert pulse(guarded.home, "queues", PULSE_CLI_TIMEOUT="3").returncode == 1


def test_no_certificate_lies_open(guarded: Suite) -> None:
    folder: Path = guarded.home / "data" / "certificates"
    assert folder.stat().st_mode & 0o077 == 0
