"""SMTP as smtplib sees it."""

from __future__ import annotations

import hashlib
import smtplib
import socket
import ssl
import time
from pathlib import Path

import pytest

from tests.sandbox.running import NOTIFICATION_ID, RunningSandbox, Start, email


def test_an_email_is_kept_with_its_decoded_text_and_the_hashes_of_recipient_and_body(sandbox: RunningSandbox) -> None:
    with sandbox.smtp() as client:
        client.send_message(email(subject="Déjà vu – 日本", body="Grüße\n.\n..dots\n", html="<p>Grüße</p>"))
    (receipt,) = sandbox.receipts()
    assert receipt["channel"] == "email"
    assert receipt["provider"] == "smtp"
    assert receipt["to"] == "ada@example.org"
    assert receipt["subject"] == "Déjà vu – 日本"
    assert receipt["body"] == "Grüße\n.\n..dots"
    assert receipt["html_body"] == "<p>Grüße</p>"
    assert receipt["notification_id"] == NOTIFICATION_ID
    assert receipt["to_sha256"] == hashlib.sha256(b"ada@example.org").hexdigest()
    assert receipt["body_sha256"] == hashlib.sha256("Grüße\n.\n..dots".encode()).hexdigest()
    assert receipt["received_at"].endswith("Z")


def test_the_receipt_is_in_the_log_before_the_answer(sandbox: RunningSandbox) -> None:
    with sandbox.smtp() as client:
        client.send_message(email())
        assert NOTIFICATION_ID in sandbox.log_file.read_text()


def test_many_emails_travel_over_one_connection(sandbox: RunningSandbox) -> None:
    with sandbox.smtp() as client:
        for number in range(50):
            client.send_message(email(to=f"user{number}@example.org"))
    assert [receipt["to"] for receipt in sandbox.receipts()] == [f"user{number}@example.org" for number in range(50)]


def test_each_recipient_of_an_email_has_a_receipt(sandbox: RunningSandbox) -> None:
    with sandbox.smtp() as client:
        client.send_message(email(), to_addrs=["a@example.org", "b@example.org"])
    assert {receipt["to"] for receipt in sandbox.receipts()} == {"a@example.org", "b@example.org"}


def test_the_server_offers_size_8bitmime_smtputf8_and_pipelining_and_no_login(sandbox: RunningSandbox) -> None:
    with sandbox.smtp() as client:
        client.ehlo()
        assert {"size", "8bitmime", "smtputf8", "pipelining"} <= client.esmtp_features.keys()
        assert not {"auth", "starttls"} & client.esmtp_features.keys()


def test_an_internationalised_address_is_accepted(sandbox: RunningSandbox) -> None:
    message = email(to="用户@例子.测试")
    with sandbox.smtp() as client:
        client.send_message(message)
    assert sandbox.receipts()[0]["to"] == "用户@例子.测试"


def test_commands_may_be_pipelined(sandbox: RunningSandbox) -> None:
    with (
        socket.create_connection(("127.0.0.1", sandbox.sandbox.ports["smtp"]), timeout=5) as sock,
        sock.makefile("rb") as file,
    ):
        sock.sendall(b"EHLO x\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n")
        _read_until(file, b"354")
        sock.sendall(b"Subject: one\r\n\r\none\r\n.\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<c@x.org>\r\nDATA\r\n")
        _read_until(file, b"354")
        sock.sendall(b".\r\nQUIT\r\n")
        _read_until(file, b"221")
    assert [(receipt["to"], receipt["subject"]) for receipt in sandbox.receipts()] == [
        ("b@x.org", "one"),
        ("c@x.org", ""),
    ]


def test_an_email_without_any_content_is_accepted(sandbox: RunningSandbox) -> None:
    with sandbox.smtp() as client:
        client.sendmail("a@example.org", ["b@example.org"], b"")
    assert [(receipt["subject"], receipt["body"]) for receipt in sandbox.receipts()] == [("", "")]


def test_an_email_over_the_size_limit_is_refused_and_the_connection_goes_on(start: Start) -> None:
    sandbox = start(sandbox_smtp_size_limit=2048)
    with sandbox.smtp() as client:
        client.ehlo()
        del client.esmtp_features["size"]  # so that the client does not announce the size, and sends it all
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail(
                "a@example.org", ["b@example.org"], b"\r\n" + b"word " * 20 + b"\r\n" + (b"x" * 70 + b"\r\n") * 200
            )
        assert refused.value.smtp_code == 552
        client.sendmail("a@example.org", ["b@example.org"], b"Subject: small\r\n\r\nfits\r\n")
    assert [receipt["subject"] for receipt in sandbox.receipts()] == ["small"]


def test_a_line_of_more_than_a_thousand_octets_is_refused(sandbox: RunningSandbox) -> None:
    with sandbox.smtp() as client, pytest.raises(smtplib.SMTPDataError) as refused:
        client.sendmail("a@example.org", ["b@example.org"], b"\r\n" + b"x" * 1000 + b"\r\n")
    assert refused.value.smtp_code == 500


def test_starttls_takes_the_self_signed_certificate_and_a_login(start: Start) -> None:
    sandbox = start(sandbox_smtp_starttls="required", sandbox_smtp_username="pulse", sandbox_smtp_password="right-word")
    trust = ssl.create_default_context(cafile=str(sandbox.log_file.parent / "smtp.crt"))
    with sandbox.smtp() as client:
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            client.sendmail("a@example.org", ["b@example.org"], b"Subject: x\r\n\r\nx\r\n")
        assert refused.value.smtp_code == 530
    with sandbox.smtp() as client:
        client.starttls(context=trust)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("pulse", "wrong-word")
        client.login("pulse", "right-word")
        client.send_message(email())
    assert len(sandbox.receipts()) == 1


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_smtp_inside_tls_works_and_asks_for_the_login(start: Start) -> None:
    sandbox = start(sandbox_smtps="on", sandbox_smtp_username="pulse", sandbox_smtp_password="right-word")
    trust = ssl.create_default_context(cafile=str(sandbox.log_file.parent / "smtp.crt"))
    with smtplib.SMTP_SSL("127.0.0.1", sandbox.sandbox.ports["smtps"], timeout=5, context=trust) as client:
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.send_message(email())
        client.login("pulse", "right-word")
        client.send_message(email())
    assert len(sandbox.receipts()) == 1


def test_a_key_is_for_its_owner_alone(start: Start) -> None:
    sandbox = start(sandbox_smtp_starttls="optional")
    assert Path(sandbox.log_file.parent / "smtp.key").stat().st_mode & 0o077 == 0


# Faults


@pytest.mark.parametrize(("code", "error"), [(451, smtplib.SMTPDataError), (554, smtplib.SMTPDataError)])
def test_a_status_is_answered_to_the_email_as_often_as_asked(
    sandbox: RunningSandbox, code: int, error: type[smtplib.SMTPResponseException]
) -> None:
    sandbox.fault("smtp", "status", code, times=1)
    with sandbox.smtp() as client:
        with pytest.raises(error) as refused:
            client.send_message(email())
        assert refused.value.smtp_code == code
        client.send_message(email())
    assert len(sandbox.receipts()) == 1


def test_a_status_about_the_mailbox_refuses_that_recipient_alone(sandbox: RunningSandbox) -> None:
    sandbox.fault("smtp", "status", 550, match="gone@")
    with sandbox.smtp() as client:
        refused = client.send_message(email(), to_addrs=["gone@example.org", "here@example.org"])
    assert refused["gone@example.org"][0] == 550
    assert [receipt["to"] for receipt in sandbox.receipts()] == ["here@example.org"]


def test_a_421_ends_the_connection(sandbox: RunningSandbox) -> None:
    sandbox.fault("smtp", "status", 421)
    with sandbox.smtp() as client:
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            client.send_message(email())
        assert refused.value.smtp_code == 421
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()


def test_a_status_after_accept_leaves_a_receipt(sandbox: RunningSandbox) -> None:
    sandbox.fault("smtp", "status_after_accept", 451)
    with sandbox.smtp() as client, pytest.raises(smtplib.SMTPDataError):
        client.send_message(email())
    assert len(sandbox.receipts()) == 1


def test_a_reset_after_accept_leaves_a_receipt(sandbox: RunningSandbox) -> None:
    sandbox.fault("smtp", "status_after_accept", "reset")
    with sandbox.smtp() as client, pytest.raises(smtplib.SMTPServerDisconnected, match="reset by peer"):
        client.send_message(email())
    assert len(sandbox.receipts()) == 1


@pytest.mark.parametrize(
    ("action", "said"), [("reset", "reset by peer"), ("garbage", "not SMTP"), ("hang", "timed out")]
)
def test_a_broken_answer_leaves_no_receipt(sandbox: RunningSandbox, action: str, said: str) -> None:
    sandbox.fault("smtp", action, 30 if action == "hang" else None)
    client = sandbox.smtp(timeout=0.5)
    with pytest.raises((OSError, smtplib.SMTPException), match=said):
        client.send_message(email())
    client.close()
    assert sandbox.receipts() == []


def test_a_hang_ends_by_itself_after_its_seconds(sandbox: RunningSandbox) -> None:
    sandbox.fault("smtp", "hang", 0.1)
    with sandbox.smtp() as client, pytest.raises(smtplib.SMTPServerDisconnected):
        client.send_message(email())


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("connect", b"220 ....."),
        ("ehlo", b"250 ....."),
        ("mail", b"250 ....."),
        ("rcpt", b"250 ....."),
        ("data", b"354 ....."),
        ("end", b"250 ....."),
        ("", b"250 ....."),
    ],
)
def test_a_reply_can_drip_at_any_step_and_never_ends(sandbox: RunningSandbox, at: str, said: bytes) -> None:
    sandbox.api.put("/api/faults", json=[{"provider": "smtp", "action": "drip", "value": 0.001, "at": at}])
    steps = ["connect", "ehlo", "mail", "rcpt", "data", "end"]
    commands = [b"EHLO me", b"MAIL FROM:<a@example.org>", b"RCPT TO:<b@example.org>", b"DATA", b"hi\r\n."]
    with socket.create_connection(("127.0.0.1", sandbox.sandbox.ports["smtp"]), timeout=5) as client:
        incoming = client.makefile("rb")
        for command in commands[: steps.index(at or "end")]:
            while incoming.readline()[3:4] == b"-":
                pass
            client.sendall(command + b"\r\n")
        assert incoming.read(len(said)) == said
    assert sandbox.receipts() == []


def test_a_drip_after_accept_leaves_a_receipt(sandbox: RunningSandbox) -> None:
    sandbox.fault("smtp", "status_after_accept", "drip")
    client = sandbox.smtp(timeout=0.2)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.send_message(email())
    client.close()
    assert len(sandbox.receipts()) == 1


def test_retry_after_is_a_451(sandbox: RunningSandbox) -> None:
    sandbox.fault("smtp", "retry_after_s", 7)
    with sandbox.smtp() as client, pytest.raises(smtplib.SMTPDataError) as refused:
        client.send_message(email())
    assert refused.value.smtp_code == 451
    assert b"7 seconds" in refused.value.smtp_error


def test_a_delay_holds_the_answer_up(sandbox: RunningSandbox) -> None:
    sandbox.fault("smtp", "delay_ms", 200)
    with sandbox.smtp() as client:
        began = time.monotonic()
        client.send_message(email())
    assert time.monotonic() - began >= 0.2
    assert len(sandbox.receipts()) == 1


def test_a_client_that_left_during_the_delay_leaves_no_receipt(sandbox: RunningSandbox) -> None:
    sandbox.fault("smtp", "delay_ms", 300, times=1)
    client = sandbox.smtp(timeout=0.1)
    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        client.send_message(email(to="left@example.org"))
    client.close()
    sandbox.fault("smtp", "delay_ms", 400, times=1)
    with sandbox.smtp() as patient:
        patient.send_message(email(to="stayed@example.org"))
    assert [receipt["to"] for receipt in sandbox.receipts()] == ["stayed@example.org"]


def _read_until(file: object, start: bytes) -> None:
    while not (line := file.readline()).startswith(start):  # type: ignore[attr-defined]
        assert line, f"the connection ended before {start!r}"
