"""Why there is no connection to the mail server, in one sentence that says what to change."""

from __future__ import annotations

import smtplib
import socket
import ssl

from services.delivery.providers.smtp import replies
from services.delivery.providers.smtp.login import NoCommonMethod
from services.delivery.providers.smtp.opening import NotOpened, StartTlsNotOffered
from services.delivery.providers.smtp.steps import Step
from services.delivery.rules.provider import Outcome, misconfigured, transient

#: OpenSSL's X509_V_ERR_…: the certificate is over, not yet begun, or another host's (by name, by address).
_CERTIFICATE_DATES = frozenset({9, 10})
_CERTIFICATE_NAMES = frozenset({62, 64})
_WHERE = "PULSE_SMTP_HOST and PULSE_SMTP_PORT say where it is"


def outcome(failed: NotOpened) -> Outcome:
    """What it means for the email: another try, by the schedule that fits the cause."""
    reason = failed.reason
    if isinstance(reason, smtplib.SMTPResponseException):
        return replies.classify(failed.step, reason.smtp_code, _text(reason.smtp_error))
    if isinstance(reason, StartTlsNotOffered):
        setting = "PULSE_SMTP_TLS=implicit or none, or another PULSE_SMTP_PORT"
        return misconfigured("SMTP_NO_STARTTLS", "the mail server offers no STARTTLS", setting)
    if isinstance(reason, NoCommonMethod):
        return _no_method(reason)
    if isinstance(reason, ssl.SSLError):
        return _not_encrypted(reason)
    if _timed_out(reason):
        return _too_late(failed.step)
    if isinstance(reason, smtplib.SMTPServerDisconnected) or failed.step is not Step.CONNECT:
        return replies.lost(failed.step)
    return _unreachable(reason)


def _unreachable(reason: Exception) -> Outcome:
    said = "the mail server cannot be reached"
    if isinstance(reason, socket.gaierror | UnicodeError):
        said = "the mail server's name cannot be resolved: PULSE_SMTP_HOST says it"
    elif isinstance(reason, ConnectionRefusedError):
        said = f"no mail server takes the connection: {_WHERE}"
    elif isinstance(reason, OSError) and reason.strerror:
        said += f" ({reason.strerror}): {_WHERE}"
    return transient("SMTP_UNREACHABLE", said)


def _too_late(step: Step) -> Outcome:
    if step is Step.CONNECT:
        return transient("SMTP_UNREACHABLE", f"the connection to the mail server timed out: {_WHERE}")
    if step is Step.GREETING:
        hint = "if it expects TLS from the start, PULSE_SMTP_TLS must be implicit"
        return transient("SMTP_CONNECTION_LOST", f"the mail server did not greet in time: {hint}")
    return transient("SMTP_CONNECTION_LOST", f"the mail server did not answer in time ({step.name})")


def _not_encrypted(reason: ssl.SSLError) -> Outcome:
    code, setting = "SMTP_TLS_FAILED", "PULSE_SMTP_TLS and PULSE_SMTP_PORT (465: implicit, 587: starttls)"
    said = "no TLS connection to the mail server came about"
    if isinstance(reason, ssl.SSLCertVerificationError):
        code, said = "SMTP_CERTIFICATE_UNKNOWN", "the mail server's certificate is of no known authority"
        setting = "PULSE_SMTP_CA_FILE, a PEM file with the authority that signed it"
        if reason.verify_code in _CERTIFICATE_DATES:
            said, setting = "the mail server's certificate is not valid today", "it is to be renewed at the server"
        elif reason.verify_code in _CERTIFICATE_NAMES:
            said = "the mail server's certificate is for another name"
            setting = "PULSE_SMTP_HOST, which must be a name in the certificate"
    return misconfigured(code, said, setting)


def _no_method(reason: NoCommonMethod) -> Outcome:
    if not reason.offered:
        said = "the mail server offers no login"
        setting = "PULSE_SMTP_TLS, as many offer it only once encrypted, or no PULSE_SMTP_USERNAME"
    else:
        said = "the mail server offers no login method that Pulse knows (CRAM-MD5, PLAIN, LOGIN)"
        setting = "another PULSE_SMTP_HOST or PULSE_SMTP_PORT, or a login method to be switched on at the server"
    return misconfigured("SMTP_NO_LOGIN_METHOD", said, setting)


def _timed_out(reason: BaseException | None) -> bool:
    """smtplib wraps the time-out of a read in an error of its own."""
    return reason is not None and (isinstance(reason, TimeoutError) or _timed_out(reason.__context__))


def _text(said: bytes | str) -> str:
    return said if isinstance(said, str) else said.decode("ascii", "replace")
