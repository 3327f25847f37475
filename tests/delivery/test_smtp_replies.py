"""What a mail server's replies mean, by the command that they answer: whose fault it is, and when to come again."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.providers.base import waiting_times
from services.delivery.providers.mail import enhanced_status
from services.delivery.providers.smtp import replies
from services.delivery.providers.smtp.steps import Step
from services.delivery.rules.provider import Cause, OutcomeKind, Rejection

OK, PASSES, STAYS, OPEN = (
    OutcomeKind.SUCCEEDED,
    OutcomeKind.TRANSIENT_FAILURE,
    OutcomeKind.PERMANENT_FAILURE,
    OutcomeKind.UNANSWERED,
)
GREETING, EHLO, STARTTLS, AUTH = Step.GREETING, Step.EHLO, Step.STARTTLS, Step.AUTH
MAIL, RCPT, DATA, CONTENT, END = Step.MAIL, Step.RCPT, Step.DATA, Step.CONTENT, Step.END


@pytest.mark.parametrize(
    ("step", "code", "kind"),
    [
        (END, 250, OK),
        (END, 251, OK),
        (RCPT, 250, PASSES),  # an answer to a question that was not asked
        (GREETING, 421, PASSES),
        *((step, 421, PASSES) for step in (EHLO, AUTH, MAIL, RCPT, DATA, END)),
        (RCPT, 450, PASSES),
        (RCPT, 451, PASSES),
        (END, 451, PASSES),
        (END, 452, PASSES),
        (RCPT, 550, STAYS),
        (RCPT, 551, STAYS),
        (RCPT, 552, PASSES),  # RFC 5321, section 4.5.3.1.10: of a recipient it is to be taken for a 452
        (RCPT, 553, STAYS),
        (END, 552, STAYS),
        (END, 554, STAYS),
        (GREETING, 554, PASSES),  # the server takes nothing from us: no fault of this email
        (AUTH, 535, PASSES),  # a wrong password must not bury what waits
        (RCPT, 530, PASSES),
        (RCPT, 503, PASSES),
        (GREETING, -1, PASSES),
        (RCPT, -1, PASSES),
        (END, -1, OPEN),
        (END, 354, OPEN),
    ],
)
def test_a_code_means(step: Step, code: int, kind: OutcomeKind) -> None:
    assert replies.classify(step, code, "").kind is kind


@pytest.mark.parametrize(
    ("step", "kind"), [(GREETING, PASSES), (MAIL, PASSES), (DATA, PASSES), (CONTENT, PASSES), (END, OPEN)]
)
def test_a_lost_connection_leaves_open_only_what_was_on_its_way(step: Step, kind: OutcomeKind) -> None:
    assert replies.lost(step).kind is kind


@pytest.mark.parametrize(
    ("code", "text", "status"),
    [
        (550, "5.1.1 no such user", "5.1.1"),
        (550, "5.1.1", "5.1.1"),
        (550, "5.1.1\tno such user", "5.1.1"),
        (550, "5.7.509 DMARC", "5.7.509"),
        (450, "4.7.1 later", "4.7.1"),
        (550, "5.1.1 it does not exist\n5.1.1 look for typing errors\n5.1.1 see a page", "5.1.1"),
        (550, "5.1.1 it does not exist\nlook for typing errors", "5.1.1"),
        (550, "5.1.1 one\n5.7.1 another", ""),  # which of them?
        (550, "Your host 5.1.1.20 is blocked", ""),
        (550, "5.1.1.20 is blocked", ""),
        (550, "Version 5.1.1 of the filter refuses you", ""),
        (550, "Refused\n5.1.1 is the rule", ""),
        (550, "<a@b> 5.1.1 unknown", ""),
        (550, "(5.1.1) unknown", ""),
        (550, "#5.1.1 unknown", ""),
        (550, "5.1.1-unknown", ""),
        (550, "5.01.1 unknown", ""),
        (550, "5.1.1000 unknown", ""),
        (550, "5.1 unknown", ""),
        (550, "4.1.1 unknown", ""),  # another class
        (450, "5.1.1 unknown", ""),
        (450, "2.1.5 well", ""),
        (550, "", ""),
    ],
)
def test_an_enhanced_status_is_read_at_its_place_alone(code: int, text: str, status: str) -> None:
    assert enhanced_status.read(code, text) == status
    gone = replies.classify(RCPT, code, text).rejection is Rejection.GONE
    assert gone is (status == "5.1.1")


OURS = [
    (GREETING, 554, "5.7.1 you are blocked", "PULSE_SMTP_HOST"),
    (GREETING, 521, "does not accept mail", "PULSE_SMTP_HOST"),
    (GREETING, 550, "5.1.1 whom?", "PULSE_SMTP_HOST"),
    (EHLO, 504, "5.5.2 need fully-qualified hostname", "PULSE_SMTP_EHLO_NAME"),
    (EHLO, 550, "Access denied - Invalid HELO name", "PULSE_SMTP_EHLO_NAME"),
    (EHLO, 501, "invalid argument", "PULSE_SMTP_EHLO_NAME"),
    (STARTTLS, 501, "5.5.4 no parameters", "PULSE_SMTP_TLS"),
    (AUTH, 535, "5.7.8 authentication credentials invalid", "PULSE_SMTP_PASSWORD"),
    (AUTH, 534, "5.7.9 application-specific password required", "PULSE_SMTP_PASSWORD"),
    (AUTH, 432, "4.7.12 a password transition is needed", "PULSE_SMTP_PASSWORD"),
    (AUTH, 530, "5.7.0 Must issue a STARTTLS command first", "PULSE_SMTP_TLS"),
    (AUTH, 538, "5.7.11 Encryption required for requested authentication mechanism", "PULSE_SMTP_TLS"),
    (MAIL, 553, "5.7.1 <us@example.org>: Sender address rejected: not owned by user ada", "PULSE_SMTP_FROM"),
    (MAIL, 550, "5.1.1 no such user", "PULSE_SMTP_FROM"),
    (MAIL, 550, "5.7.1 rejected", "PULSE_SMTP_FROM"),
    (MAIL, 501, "5.1.7 bad sender address syntax", "PULSE_SMTP_FROM"),
    (MAIL, 550, "", "PULSE_SMTP_FROM"),
    (MAIL, 530, "5.7.0 Authentication required", "PULSE_SMTP_USERNAME"),
    (MAIL, 530, "5.7.0 Must issue a STARTTLS command first", "PULSE_SMTP_TLS"),
    (MAIL, 535, "", "PULSE_SMTP_USERNAME"),
    (MAIL, 538, "", "PULSE_SMTP_TLS"),
    (MAIL, 504, "5.5.2 <pulse@localhost>: Sender address rejected: need fully-qualified address", "PULSE_SMTP_FROM"),
    (MAIL, 450, "4.5.2 <pulse@localhost>: Sender address rejected: need fully-qualified address", "PULSE_SMTP_FROM"),
    (MAIL, 450, "4.1.8 <us@example.org>: Sender address rejected: Domain not found", "PULSE_SMTP_FROM"),
    (RCPT, 554, "5.7.1 <ada@example.com>: Relay access denied", "RELAY"),
    (RCPT, 454, "4.7.1 <ada@example.com>: Relay access denied", "RELAY"),
    (RCPT, 550, "5.7.1 Relaying denied", "RELAY"),
    (RCPT, 550, "relay not permitted", "RELAY"),
    (RCPT, 550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain", "RELAY"),
    (RCPT, 551, "5.7.1 Forwarding to remote hosts disabled", "RELAY"),
    (RCPT, 553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", "RELAY"),
    (RCPT, 504, "5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname", "PULSE_SMTP_EHLO_NAME"),
    (RCPT, 504, "5.5.2 <pulse@localhost>: Sender address rejected: need fully-qualified address", "PULSE_SMTP_FROM"),
    (RCPT, 504, "<pulse@localhost>: sender address rejected: not a fully qualified address", "PULSE_SMTP_FROM"),
    (RCPT, 554, "5.5.2 we need a fully-qualified host name", "PULSE_SMTP_EHLO_NAME"),
    (RCPT, 550, "your name is no Fully Qualified Domain name", "PULSE_SMTP_EHLO_NAME"),
    (RCPT, 550, "5.7.1 <h>: Helo command rejected: no", "PULSE_SMTP_EHLO_NAME"),
    (RCPT, 450, "4.7.1 <h>: Helo command rejected: Host not found", "PULSE_SMTP_EHLO_NAME"),
    (RCPT, 554, "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using a list", "PULSE_SMTP_HOST"),
    (RCPT, 550, "Your host 5.1.1.20 is blocked", "PULSE_SMTP_HOST"),
    (RCPT, 450, "4.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]", "PULSE_SMTP_HOST"),
    (RCPT, 553, "5.7.1 <us@example.org>: Sender address rejected: not logged in", "PULSE_SMTP_FROM"),
    (RCPT, 550, "5.1.0 <us@example.org>: Sender address rejected: User unknown in a table", "PULSE_SMTP_FROM"),
    (RCPT, 550, "Verification failed for <us@example.org>\nSender verify failed", "PULSE_SMTP_FROM"),
    (RCPT, 550, "5.1.8 the sender's domain does not exist", "PULSE_SMTP_FROM"),
    (RCPT, 530, "5.7.57 Client not authenticated to send mail", "PULSE_SMTP_USERNAME"),
    (RCPT, 550, "authentication required", "PULSE_SMTP_USERNAME"),
    (RCPT, 503, "AUTH first", "PULSE_SMTP_USERNAME"),
    (RCPT, 550, "5.7.1 policy", "RELAY"),
    (RCPT, 550, "5.7.606 Access denied, banned sending IP", "PULSE_SMTP_HOST"),
    (DATA, 554, "5.5.1 no valid recipients", "RELAY"),
    (DATA, 550, "5.7.1 Client host rejected", "PULSE_SMTP_HOST"),
    (END, 554, "Message rejected: Email address is not verified. The following identities failed", "PULSE_SMTP_FROM"),
    (END, 550, "5.7.60 SMTP; Client does not have permissions to send as this sender", "PULSE_SMTP_FROM"),
    (END, 550, "5.7.26 the sender is unauthenticated; all must use SPF or DKIM", "SPF"),
    (END, 550, "5.7.1 The IP you're using to send mail is not authorized to send to us directly", "PULSE_SMTP_HOST"),
    (END, 530, "5.7.0 Authentication Required", "PULSE_SMTP_USERNAME"),
    (END, 554, "Message rejected: Sending paused for this account.", "account"),
]


@pytest.mark.parametrize(("step", "code", "text", "setting"), OURS)
def test_a_refusal_of_pulse_waits_and_names_the_setting(step: Step, code: int, text: str, setting: str) -> None:
    outcome = replies.classify(step, code, text)
    assert (outcome.kind, outcome.cause, outcome.rejection) == (PASSES, Cause.CONFIGURATION, None)
    assert "check Pulse's configuration" in outcome.message
    assert ("passes no mail on" if setting == "RELAY" else setting) in outcome.message
    assert "ada" not in outcome.message


@pytest.mark.parametrize(
    ("step", "code", "text", "rejection"),
    [
        (RCPT, 550, "5.1.1 no such user", Rejection.GONE),
        (RCPT, 550, "5.1.1 <ada@x.org>: Recipient address rejected: unknown in relay recipient table", Rejection.GONE),
        (RCPT, 550, "5.1.1 <relay-access-denied@x.org>", Rejection.GONE),
        (RCPT, 550, "5.1.2 no such domain", Rejection.GONE),
        (RCPT, 553, "5.1.3 no mailbox is spelt so", Rejection.GONE),
        (RCPT, 551, "5.1.6 moved", Rejection.GONE),
        (RCPT, 556, "5.1.10 takes no mail", Rejection.GONE),
        (RCPT, 550, "5.2.1 disabled", Rejection.GONE),
        (END, 550, "5.1.1 no such user", Rejection.GONE),
        (END, 550, "5.2.1 disabled", Rejection.GONE),
        (RCPT, 550, "no such user", None),  # what it means is anybody's guess
        (RCPT, 550, "5.5.0 Requested action not taken: mailbox unavailable (S2017062302)", None),
        (RCPT, 554, "5.5.0 Requested action not taken", None),
        (RCPT, 550, "5.5.1 No such user here", None),
        (RCPT, 550, "5.5.1 Invalid mailbox", None),
        (RCPT, 553, "5.5.1 Invalid recipient", None),
        (RCPT, 501, "5.5.2 Syntax error in recipient address", None),
        (RCPT, 501, "5.5.2 bad address", None),
        (RCPT, 501, "5.5.4 Invalid address", None),
        (RCPT, 553, "5.5.4 Domain name required for <ada>", None),
        (RCPT, 504, "5.5.2 <ada>: Recipient address rejected: it has no domain", None),
        (RCPT, 504, "5.5.2 <ada>: Recipient address rejected: need fully-qualified address", None),
        (RCPT, 555, "5.5.2 Syntax error, goodbye", None),
        (RCPT, 555, "5.5.4 Unsupported option", None),
        (RCPT, 551, "not local; please try <ada@example.net>", None),
        (RCPT, 550, "5.4.1 Recipient address rejected: Access denied", None),
        (RCPT, 554, "5.7.1 <ada@example.com>: Recipient address rejected: Access denied", None),
        (RCPT, 550, "5.7.133 the sender is not authenticated for this group", None),
        (RCPT, 550, "5.2.3 too long for this mailbox", None),
        (MAIL, 552, "5.3.4 message size exceeds fixed limit", None),
        (DATA, 550, "5.6.1 media not supported", None),
        (END, 554, "5.7.1 Spam message rejected", None),
        (END, 550, "5.7.1 Message contains a virus", None),
        (END, 554, "5.7.1 it contains a URL on a block list", None),
        (END, 552, "5.3.4 too big", None),
        (END, 554, "Transaction failed", None),
    ],
)
def test_a_refusal_of_email_or_recipient_stays_and_only_a_lost_mailbox_is_suppressed(
    step: Step, code: int, text: str, rejection: Rejection | None
) -> None:
    outcome = replies.classify(step, code, text)
    assert (outcome.kind, outcome.rejection) == (STAYS, rejection)


@pytest.mark.parametrize(
    ("step", "code", "text", "cause"),
    [
        (RCPT, 450, "mailbox busy", Cause.RECIPIENT),
        (RCPT, 451, "4.7.1 greylisted", Cause.RECIPIENT),
        (RCPT, 450, "4.2.0 Recipient address rejected: Greylisted, see http://example.org/x.html", Cause.RECIPIENT),
        (RCPT, 452, "4.2.2 mailbox full", Cause.RECIPIENT),
        (RCPT, 452, "mailbox is over quota", Cause.RECIPIENT),
        (RCPT, 552, "5.2.2 mailbox full", Cause.RECIPIENT),
        (RCPT, 550, "5.2.2 over quota", Cause.RECIPIENT),
        (RCPT, 550, "5.2.1 receives mail at a rate that prevents further messages", Cause.RECIPIENT),
        (END, 552, "5.2.2 mailbox full", Cause.RECIPIENT),
        (END, 451, "4.7.1 Greylisting in action", Cause.RECIPIENT),
        (MAIL, 451, "4.7.1 Greylisted", Cause.RECIPIENT),
        (RCPT, 451, "4.3.0 local error", Cause.PROVIDER),
        (RCPT, 452, "4.3.1 insufficient storage", Cause.PROVIDER),
        (RCPT, 452, "too many recipients", Cause.PROVIDER),
        (RCPT, 454, "Throttling failure: Daily message quota exceeded.", Cause.PROVIDER),
        (RCPT, 421, "4.4.2 closing", Cause.PROVIDER),
        (MAIL, 421, "4.7.0 too many connections from your IP", Cause.PROVIDER),
        (END, 451, "4.7.1 too many emails", Cause.PROVIDER),
        (GREETING, 450, "4.7.1 not now", Cause.PROVIDER),
        (STARTTLS, 454, "4.7.0 TLS not available due to temporary reason", Cause.PROVIDER),
        (AUTH, 454, "4.7.0 Temporary authentication failure", Cause.PROVIDER),
    ],
)
def test_a_passing_refusal_says_what_it_is_about(step: Step, code: int, text: str, cause: Cause) -> None:
    outcome = replies.classify(step, code, text)
    assert (outcome.kind, outcome.cause, outcome.rejection) == (PASSES, cause, None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4.7.1 Greylisted, try again in 300 seconds", 300),
        ("4.7.1 retry after 5 minutes please", 300),
        ("4.7.1 come back in 1 hour", 3600),
        ("4.2.0 <a@b.org>: Recipient address rejected: Greylisted for 5 minutes", 300),
        ("Greylisted, try again after 00:04:59", 299),
        ("please wait 5 minutes", 300),
        ("try again in 10 mins", 600),
        ("Greylisted, see http://example.org/help.html (600s)", 600),
        ("4.7.1 greylisting, 300 seconds remaining", 300),
        ("retry in 4 minutes and 30 seconds", 270),
        ("retry in 1h30m", 5400),
        ("try again in an hour", 3600),
        ("Retry-After: 120", 120),
        ("delay=300", 300),
        ("Retry-After: 300.", 300),
        ("Too many connections. Delay: 300. Goodbye", 300),
        ("delay: 300.5.1", None),
        ("delay: 10", 10),
        ("wait = 60, please", 60),
        ("Retry-After: 120 messages were enough", 120),
        ("Retry-After: 120 (2 minutes)", 120),
        ("Retry-After: 5 minutes", 300),
        ("Retry-After: 5-minutes", 300),
        ("Retry-After:5 minutes", 300),
        ("retry_after=5 min", 300),
        ("RetryAfter: 2 hours", 7200),
        ("Retry-After: 90 seconds", 90),
        ("Retry-After: 1.5 hours", 5400),
        ("please wait: 5 minutes", 300),
        ("wait: 1 minute and 30 seconds", 90),
        ("Greylisted, delay: 15 minutes", 900),
        ("delay: 10 min", 600),
        ("delay:10min", 600),
        ("DELAY = 1 H", 3600),
        ("delay: 1 day", 86_400),
        ("wait: 2 weeks", waiting_times.LONGEST),
        ("delay: 500 ms", None),
        ("delay: 500 milliseconds", None),
        ("wait until 14:30 min", None),
        ("more than 100 messages per 1 hour, try again in 5 min", 300),
        ("4.7.1 too many emails,\nretry in 90 sec", 90),
        ("too many messages in 1h, retry in 5 min", 300),
        ("Too many emails per hour, wait 10 minutes", 600),
        ("too many recipients per hour, try again in 15 minutes", 900),
        ("Too many messages per minute, retry in 5 minutes", 300),
        ("too many messages per hour; wait 10 minutes", 600),
        ("too many messages per hour. Wait 10 minutes", 600),
        ("too many messages per hour.Wait 10 minutes", 600),
        ("too many messages per hour - wait 10 minutes", 600),
        ("too many messages per hour \u2013 wait 10 minutes", 600),
        ("too many messages per hour: wait 10 minutes", 600),
        ("too many messages per hour (wait 10 minutes)", 600),
        ("too many messages per hour\nwait 10 minutes", 600),
        ("too many messages per hour wait 10 minutes", 600),
        ("too many requests per day retry after 1 hour", 3600),
        ("too many errors in a minute, try again in 2 hours", 7200),
        ("try again in 999999 hours", waiting_times.LONGEST),
        ("4.2.0 mailbox busy", None),
        ("4.2.2 over quota since 30 days", None),
        ("too many connections in 60 seconds", None),
        ("100 emails in 60 minutes", None),
        ("100 emails per 1 hour", None),
        ("too many messages in a period (60 minutes)", None),
        ("a limit for messages per period: 60 minutes", None),
        ("you may send 100 messages within the last 60 minutes", None),
        ("4.7.1 retry, too many recipients in a period of 10 minutes", None),
        ("try again after 14:30:00 UTC", None),
        ("try again after 2026-12-01 10:00:00", None),
        ("10.0.0.5 is down", None),
    ],
)
def test_a_mail_server_may_say_when_to_come_back(text: str, seconds: float | None) -> None:
    assert replies.classify(RCPT, 451, text).retry_after == seconds


@given(st.sampled_from(list(Step)), st.integers(-1, 700), st.text(max_size=300))
def test_whatever_a_server_writes_is_understood_somehow(step: Step, code: int, text: str) -> None:
    outcome = replies.classify(step, code, text)
    assert outcome.rejection is None or outcome.kind is STAYS
    assert outcome.retry_after is None or 0 <= outcome.retry_after <= waiting_times.LONGEST


@pytest.mark.parametrize(
    ("begin", "part"),
    [
        ("relay", " through"),
        ("sender", " address is not"),
        ("", "1s"),
        ("", "1 s and "),
        ("", "mailbox quota "),
        ("", "<"),
        ("", "a@"),
        ("", "in "),
        ("", "encrypted tls "),
    ],
)
def test_a_text_made_to_be_hard_to_read_holds_nobody_up(begin: str, part: str) -> None:
    began = time.process_time()
    for code in (450, 550):
        replies.classify(RCPT, code, begin + part * 100_000)
    assert time.process_time() - began < 1
