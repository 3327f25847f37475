"""Email through the sandbox's SMTP server: what goes in, and every way in which it can go wrong."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from services.delivery.config import DeliverySettings
from services.delivery.providers.smtp.provider import SmtpProvider
from services.delivery.rules.provider import Cause, Outcome, OutcomeKind, Rejection
from shared.clock import SystemClock
from tests.delivery.conftest import Sandbox, run_sandbox
from tests.delivery.in_a_loop import InALoop
from tests.delivery.login_server import login_server
from tests.delivery.outgoing import outgoing, within
from tests.delivery.test_mail_headers import drawn


def provider(port: int, **settings: Any) -> InALoop:
    values = {"smtp_host": "localhost", "smtp_port": port, **settings}
    return InALoop(SmtpProvider.from_settings(DeliverySettings(**values), SystemClock()))


@pytest.fixture
def smtp(sandbox: Sandbox) -> Iterator[InALoop]:
    made = provider(sandbox.smtp_port)
    yield made
    made.close()


@contextmanager
def scripted(*scripts: list[bytes | None], heard: list[bytes] | None = None) -> Iterator[tuple[int, list[int]]]:
    """A server that answers each line with the next reply of its connection's script, and hangs up at None.

    Gives its port and a list of how many lines each connection brought; ``heard`` gets the lines themselves.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    lines: list[int] = []

    def talk() -> None:
        for script in scripts:
            connection, _ = listener.accept()
            lines.append(0)
            with connection, connection.makefile("rb") as incoming:
                for reply in script:
                    if reply is None:
                        break
                    connection.sendall(reply)
                    line = incoming.readline()
                    if not line:
                        break
                    if heard is not None:
                        heard.append(line)
                    lines[-1] += 1

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    yield listener.getsockname()[1], lines
    listener.close()


def test_an_email_arrives_as_it_was_given(smtp: InALoop, sandbox: Sandbox) -> None:
    given = outgoing(body="Hi\n.\n..dots\nGrüße", html_body="<p>Hi</p>")
    outcome = smtp.send(given, within())
    assert outcome.kind is OutcomeKind.SUCCEEDED
    [receipt] = sandbox.receipts()
    assert receipt["notification_id"] == given.notification_id
    assert (receipt["to"], receipt["subject"]) == ("ada@example.org", "Hello")
    assert receipt["body"].splitlines() == ["Hi", ".", "..dots", "Grüße"]
    assert outcome.provider_message_id


#: What broke lines, was decoded on the way, or lost its blanks.
SUBJECTS = [
    "Jürgen =?utf-8?q?=0D=0AReply-To:_eve@evil.example=0D=0A=0D=0A<h1>x</h1>?=",
    "line\u2028separator \u2029 \u0085 end",
    "Rappel : réunion « Équipe qualité » à Genève déplacée au 3 février à 10h – salle “Évian”",
    "=?utf-8?q?a?= =?utf-8?q?b?=",
    "  blanks   kept  ",
    "🎉" * 200,
    "x" * 998,
]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_arrives_to_the_letter_and_the_body_stays_the_body(
    smtp: InALoop, sandbox: Sandbox, subject: str
) -> None:
    body = f"{subject}\n.\nFrom x\n=?utf-8?q?y?="
    assert smtp.send(outgoing(subject=subject, body=body, html_body=body), within()).kind is OutcomeKind.SUCCEEDED
    [receipt] = sandbox.receipts()
    assert (receipt["subject"], receipt["body"], receipt["html_body"]) == (subject, body, body)


def test_texts_full_of_syntax_arrive_to_the_letter(smtp: InALoop, sandbox: Sandbox) -> None:
    sent = {text: outgoing(subject=text, body=text, html_body=text) for text in drawn(100)}
    for text, email in sent.items():
        assert smtp.send(email, within()).kind is OutcomeKind.SUCCEEDED, text
    arrived = {receipt["notification_id"]: receipt for receipt in sandbox.receipts()}
    for text, email in sent.items():
        receipt = arrived[email.notification_id]
        assert (receipt["subject"], receipt["body"], receipt["html_body"]) == (text, text, text)


def test_an_address_with_odd_characters_is_one_recipient(smtp: InALoop, sandbox: Sandbox) -> None:
    odd = "!#$%&'*+-/=^_`{|}~a@example.org"
    assert smtp.send(outgoing(to=odd), within()).kind is OutcomeKind.SUCCEEDED
    assert [receipt["to"] for receipt in sandbox.receipts()] == [odd]


@pytest.mark.parametrize(
    ("action", "value", "kind", "code"),
    [
        ("status", 550, OutcomeKind.PERMANENT_FAILURE, "550"),
        ("status", 450, OutcomeKind.TRANSIENT_FAILURE, "450"),
        ("status", 451, OutcomeKind.TRANSIENT_FAILURE, "451"),
        ("status", 421, OutcomeKind.TRANSIENT_FAILURE, "421"),
        ("status", 554, OutcomeKind.PERMANENT_FAILURE, "554"),
        ("retry_after_s", 90, OutcomeKind.TRANSIENT_FAILURE, "451"),
        ("hang", 3, OutcomeKind.UNANSWERED, "SMTP_CONNECTION_LOST"),
        ("reset", None, OutcomeKind.UNANSWERED, "SMTP_CONNECTION_LOST"),
        ("garbage", None, OutcomeKind.UNANSWERED, "SMTP_GARBAGE"),
        ("status_after_accept", "reset", OutcomeKind.UNANSWERED, "SMTP_CONNECTION_LOST"),
        ("status_after_accept", "garbage", OutcomeKind.UNANSWERED, "SMTP_GARBAGE"),
    ],
)
def test_a_fault_has_its_outcome_and_the_next_email_goes_through(
    smtp: InALoop, sandbox: Sandbox, action: str, value: object, kind: OutcomeKind, code: str
) -> None:
    smtp.send(outgoing(), within())  # so that the fault meets a kept connection
    sandbox.fault("smtp", action, value, times=1)
    outcome = smtp.send(outgoing(), within(0.5 if action == "hang" else 3))
    assert (outcome.kind, outcome.code) == (kind, code)
    assert outcome.retry_after == (90 if action == "retry_after_s" else None)
    assert smtp.send(outgoing(), within()).kind is OutcomeKind.SUCCEEDED


def test_one_connection_carries_many_emails_and_is_renewed_after_its_share() -> None:
    accepted = [b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"]
    with scripted([*accepted, None], [*accepted, None]) as (port, lines):
        made = provider(port, smtp_emails_per_connection=1)
        made.send(outgoing(), within(1))
        made.send(outgoing(), within(1))
        made.close()
    assert len(lines) == 2


def test_emails_share_a_connection(smtp: InALoop) -> None:
    for _ in range(5):
        assert smtp.send(outgoing(), within()).kind is OutcomeKind.SUCCEEDED
    [session] = smtp.provider._idle
    assert session.sent == 5


def test_a_kept_connection_that_the_server_closed_is_replaced_without_a_trace(smtp: InALoop, sandbox: Sandbox) -> None:
    smtp.send(outgoing(), within())
    [session] = smtp.provider._idle
    session._client.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
    assert smtp.send(outgoing(), within()).kind is OutcomeKind.SUCCEEDED
    assert len(sandbox.receipts()) == 2


@pytest.mark.parametrize(
    "script",
    [
        [None],
        [b"554 go away\r\n"],
        [b"not smtp\r\n"],
        [b"220 hi\r\n", b"250 hi\r\n", None],
        [b"220 hi\r\n", b"250 hi\r\n", b"451 no\r\n"],
        [b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", None],
        [b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", None],
    ],
)
def test_before_the_content_every_failure_is_certain(script: list[bytes | None]) -> None:
    with scripted(script) as (port, _):
        assert provider(port).send(outgoing(), within(1)).kind is OutcomeKind.TRANSIENT_FAILURE


def test_after_the_content_a_hang_up_is_not() -> None:
    script = [b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", None]
    with scripted(script) as (port, _):
        assert provider(port).send(outgoing(), within(1)).kind is OutcomeKind.UNANSWERED


def test_no_server_is_a_passing_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    outcome = provider(port).send(outgoing(), within(1))
    assert (outcome.kind, outcome.code) == (OutcomeKind.TRANSIENT_FAILURE, "SMTP_UNREACHABLE")


def test_a_bad_address_is_refused_without_a_connection(smtp: InALoop) -> None:
    outcome = smtp.send(outgoing(to="a@example.org, b@example.org"), within())
    assert (outcome.kind, outcome.code) == (OutcomeKind.PERMANENT_FAILURE, "INVALID_ADDRESS")
    assert not smtp.provider._idle


def test_an_email_larger_than_the_server_takes_is_refused_without_sending_it(tmp_path: Path) -> None:
    with run_sandbox(tmp_path, smtp_size_limit="100000") as strict:
        smtp = provider(strict.smtp_port)
        outcome = smtp.send(outgoing(body="x" * 110_000), within(10))
        smtp.close()
        assert (outcome.kind, outcome.code) == (OutcomeKind.PERMANENT_FAILURE, "EMAIL_TOO_LARGE")
        assert not strict.receipts()


@pytest.mark.parametrize(
    "size",
    [b"", b" 0", b" \xb2", b" 1\xb9", b" " + b"9" * 5000, b" -1", b" +5", b" 1_0", b" ten", b" 1 2"],
    ids=lambda size: repr(size[:6]),
)
def test_a_size_that_is_no_limit_keeps_no_email_back(size: bytes) -> None:
    """No number at all, too long a one, or signs that only Python takes for digits."""
    hello = b"250-hi\r\n250 SIZE" + size + b"\r\n"
    script = [b"220 hi\r\n", hello, b"250 ok\r\n", b"250 ok\r\n", b"451 no\r\n", None]
    with scripted(script) as (port, _):
        assert provider(port).send(outgoing(), within(3)).code == "451"


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    home = tmp_path_factory.mktemp("secure")
    login = {"smtp_username": "ada", "smtp_password": "s3cret"}
    with run_sandbox(home, smtp_starttls="required", smtps="on", **login) as running:
        yield running


def _send_securely(secure: Sandbox, tls: str, **more: Any) -> Outcome:
    port = secure.smtps_port if tls == "implicit" else secure.smtp_port
    settings = {
        "smtp_tls": tls,
        "smtp_ca_file": str(secure.home / "data" / "sandbox" / "smtp.crt"),
        "smtp_username": "ada",
        "smtp_password": "s3cret",
        **more,
    }
    made = provider(port, **settings)
    try:
        return made.send(outgoing(), within())
    finally:
        made.close()


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_an_email_goes_out_encrypted_after_a_login(secure: Sandbox, tls: str) -> None:
    assert _send_securely(secure, tls).kind is OutcomeKind.SUCCEEDED


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_nobody_vouches_for_ends_the_attempt_before_anything_is_sent(secure: Sandbox, tls: str) -> None:
    outcome = _send_securely(secure, tls, smtp_ca_file="")
    assert (outcome.kind, outcome.code) == (OutcomeKind.TRANSIENT_FAILURE, "SMTP_CERTIFICATE_UNKNOWN")
    assert outcome.cause is Cause.CONFIGURATION
    assert "PULSE_SMTP_CA_FILE" in outcome.message


def test_a_wrong_password_passes_and_names_the_configuration(secure: Sandbox) -> None:
    outcome = _send_securely(secure, "starttls", smtp_password="wrong")
    assert (outcome.kind, outcome.code) == (OutcomeKind.TRANSIENT_FAILURE, "535")
    assert "configuration" in outcome.message


def test_a_server_without_starttls_is_not_talked_to_in_the_clear(sandbox: Sandbox) -> None:
    outcome = provider(sandbox.smtp_port, smtp_tls="starttls").send(outgoing(), within())
    assert (outcome.kind, outcome.code) == (OutcomeKind.TRANSIENT_FAILURE, "SMTP_NO_STARTTLS")
    assert "PULSE_SMTP_TLS" in outcome.message
    assert not sandbox.receipts()


@pytest.mark.parametrize(
    ("at", "status", "text", "setting"),
    [
        ("connect", 554, "5.7.1 no mail from here", "PULSE_SMTP_HOST"),
        ("ehlo", 504, "5.5.2 need fully-qualified hostname", "PULSE_SMTP_EHLO_NAME"),
        ("mail", 553, "5.7.1 Sender address rejected: not owned by user", "PULSE_SMTP_FROM"),
        ("mail", 550, "5.1.1 no such user", "PULSE_SMTP_FROM"),
        ("rcpt", 554, "5.7.1 Relay access denied", "PULSE_SMTP_HOST"),
        ("rcpt", 550, "Your host 5.1.1.20 is blocked", "PULSE_SMTP_HOST"),
        ("data", 550, "5.7.1 Client host rejected", "PULSE_SMTP_HOST"),
        ("end", 554, "Message rejected: Email address is not verified.", "PULSE_SMTP_FROM"),
    ],
)
def test_a_refusal_of_pulse_itself_is_never_the_recipients(
    smtp: InALoop, sandbox: Sandbox, at: str, status: int, text: str, setting: str
) -> None:
    sandbox.fault("smtp", "status", status, at=at, text=text)
    outcome = smtp.send(outgoing(), within())
    sandbox.call("PUT", "/api/faults", [])
    assert (outcome.kind, outcome.code, outcome.rejection) == (OutcomeKind.TRANSIENT_FAILURE, str(status), None)
    assert outcome.cause is Cause.CONFIGURATION
    assert setting in outcome.message
    assert smtp.send(outgoing(), within()).kind is OutcomeKind.SUCCEEDED


@pytest.mark.parametrize("code", [251, 252])
def test_a_recipient_is_taken_on_by_any_2yz(smtp: InALoop, sandbox: Sandbox, code: int) -> None:
    sandbox.fault("smtp", "status", code, at="rcpt", text="will be tried")
    assert smtp.send(outgoing(), within()).kind is OutcomeKind.SUCCEEDED
    assert len(sandbox.receipts()) == 1


def test_a_reply_of_several_lines_is_read_whole(smtp: InALoop, sandbox: Sandbox) -> None:
    sandbox.fault("smtp", "status", 550, 1, at="rcpt", text="5.1.1 there is no such user\n5.1.1 look again")
    assert smtp.send(outgoing(), within()).rejection is Rejection.GONE


@pytest.mark.parametrize("at", ["connect", "ehlo", "mail", "rcpt", "data", "end"])
def test_a_server_that_closes_at_any_command_is_no_fault_of_the_email(smtp: InALoop, sandbox: Sandbox, at: str) -> None:
    sandbox.fault("smtp", "status", 421, at=at, text="4.3.2 shutting down, try again in 2 minutes")
    outcome = smtp.send(outgoing(), within())
    assert (outcome.kind, outcome.code, outcome.cause) == (OutcomeKind.TRANSIENT_FAILURE, "421", Cause.PROVIDER)
    assert outcome.retry_after == 120


def _greeted(capability: bytes, *more: bytes) -> list[bytes | None]:
    return [b"220 hi\r\n", b"250-hi\r\n250 " + capability + b"\r\n", *more, None]


@pytest.mark.parametrize(
    ("script", "settings", "code", "told"),
    [
        (_greeted(b"SIZE 0"), {"smtp_tls": "starttls"}, "SMTP_NO_STARTTLS", "PULSE_SMTP_TLS"),
        (_greeted(b"STARTTLS", b"501 no\r\n"), {"smtp_tls": "starttls"}, "501", "PULSE_SMTP_TLS"),
        (_greeted(b"SIZE 0"), {"smtp_username": "a", "smtp_password": "b"}, "SMTP_NO_LOGIN_METHOD", "PULSE_SMTP_TLS"),
        (
            _greeted(b"AUTH XOAUTH2 NTLM"),
            {"smtp_username": "a", "smtp_password": "b"},
            "SMTP_NO_LOGIN_METHOD",
            "no login method that Pulse knows",
        ),
        (
            _greeted(b"AUTH PLAIN", b"535 5.7.8 wrong\r\n"),
            {"smtp_username": "a", "smtp_password": "b"},
            "535",
            "PULSE_SMTP_USERNAME and PULSE_SMTP_PASSWORD",
        ),
        ([b"220 hi\r\n", None], {"smtp_tls": "implicit"}, "SMTP_TLS_FAILED", "PULSE_SMTP_TLS and PULSE_SMTP_PORT"),
    ],
)
def test_a_connection_that_cannot_come_about_says_what_to_change(
    script: list[bytes | None], settings: dict[str, str], code: str, told: str
) -> None:
    with scripted(script) as (port, _):
        outcome = provider(port, **settings).send(outgoing(), within(1))
    assert (outcome.kind, outcome.code) == (OutcomeKind.TRANSIENT_FAILURE, code)
    assert outcome.cause is Cause.CONFIGURATION
    assert f"check Pulse's configuration: {told}" in outcome.message or told in outcome.message


@pytest.mark.parametrize("host", ["no-such-host.invalid", f"{'x' * 64}.invalid"])
def test_a_name_that_cannot_be_resolved_is_told(host: str) -> None:
    outcome = provider(25, smtp_host=host).send(outgoing(), within())
    assert (outcome.kind, outcome.code) == (OutcomeKind.TRANSIENT_FAILURE, "SMTP_UNREACHABLE")
    assert "PULSE_SMTP_HOST" in outcome.message


def test_a_server_that_does_not_greet_is_told_from_one_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outcome = provider(silent.getsockname()[1]).send(outgoing(), within(0.3))
    assert (outcome.kind, outcome.code) == (OutcomeKind.TRANSIENT_FAILURE, "SMTP_CONNECTION_LOST")
    assert "PULSE_SMTP_TLS" in outcome.message


@pytest.mark.parametrize("method", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_a_name_and_a_password_outside_ascii_log_in(method: str) -> None:
    """The server of the standard test library checks them, by each method in turn."""
    username, password = "jürgen@exämple.org", "Paßwort-密码-🔑"
    with login_server(method, username, password) as port:
        made = provider(port, smtp_username=username, smtp_password=password)
        assert made.send(outgoing(), within()).kind is OutcomeKind.SUCCEEDED
        made.close()
        wrong = provider(port, smtp_username=username, smtp_password="Passwort")
        assert wrong.send(outgoing(), within()).code == "535"


def test_the_name_said_in_ehlo_is_a_setting() -> None:
    heard: list[bytes] = []
    with scripted([b"220 hi\r\n", b"250 hi\r\n", b"451 no\r\n"], heard=heard) as (port, _):
        provider(port, smtp_ehlo_name="mail.example.org").send(outgoing(), within(1))
    assert heard[0] == b"ehlo mail.example.org\r\n"


def test_verification_of_certificates_is_on() -> None:
    made = provider(25, smtp_tls="starttls")
    assert made.provider._server.context is not None
    assert made.provider._server.context.verify_mode is ssl.CERT_REQUIRED
    assert made.provider._server.context.check_hostname
