"""What breaks while a message is built ends that one notification for good, and is never charged to the provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.delivery.config import DeliverySettings
from services.delivery.ledger import LedgerClient
from services.delivery.providers.base.call import Call
from services.delivery.providers.base.provider import CallingProvider
from services.delivery.providers.smtp.provider import SmtpProvider
from services.delivery.rules.breaker import BreakerState
from services.delivery.rules.provider import Outcome, OutcomeKind, Outgoing, succeeded
from services.delivery.worker.engine import Engine
from services.delivery.worker.preparing import prepare
from services.delivery.worker.templates import TemplateCache
from services.delivery.worker.unsubscribe_links import UnsubscribeLinks
from services.gateway.rules.addresses import Addresses
from shared.channel.table import Address
from shared.clock import SystemClock
from shared.rpc.channels import open_channel
from shared.text.rendering import CompiledTemplate, Rendered, Text
from tests.delivery.conftest import Sandbox
from tests.delivery.fakes import FakeLedger
from tests.delivery.in_a_loop import InALoop
from tests.delivery.outgoing import claim, outgoing, within
from tests.delivery.test_deadlines import HTTP, provider
from tests.support import eventually

CANNOT = (OutcomeKind.PERMANENT_FAILURE, "MESSAGE_CANNOT_BE_BUILT")
SURE = {OutcomeKind.SUCCEEDED, OutcomeKind.PERMANENT_FAILURE}
HALF = "\ud83d"  # the first half of an emoji, which no encoding can write


class Breaking(CallingProvider[str]):
    """Breaks for whom a test says, where it says."""

    name = "smtp"
    channel = "EMAIL"
    concurrency = 4

    def __init__(self, error: Exception, where: str) -> None:
        self._error = error
        self._where = where

    def build(self, outgoing: Outgoing) -> str:
        self._break("build")
        return outgoing.body

    async def call(self, message: str, call: Call) -> Outcome:
        self._break("before a byte")
        call.sent = True
        self._break("after a byte")
        return succeeded("1")

    async def close(self) -> None:
        pass

    def _break(self, where: str) -> None:
        if where == self._where:
            raise self._error


ERRORS = [
    ValueError("ada@example.org"),
    UnicodeEncodeError("ascii", "ada@example.org", 0, 1, "no"),
    RecursionError("ada@example.org"),
    KeyError("ada@example.org"),
    AttributeError("ada@example.org"),
    OSError("ada@example.org"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_an_error_of_any_kind_while_building_is_permanent_and_quotes_nobody(error: Exception) -> None:
    outcome = await Breaking(error, "build").send(outgoing(), within())
    assert (outcome.kind, outcome.code) == CANNOT
    assert "ada" not in outcome.message


@pytest.mark.parametrize("error", ERRORS[:5], ids=lambda error: type(error).__name__)
async def test_so_is_one_of_a_library_that_builds_within_the_call(error: Exception) -> None:
    outcome = await Breaking(error, "before a byte").send(outgoing(), within())
    assert (outcome.kind, outcome.code) == CANNOT


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_after_a_byte_went_out_it_is_raised_as_it_leaves_the_outcome_open(error: Exception) -> None:
    with pytest.raises(type(error)):
        await Breaking(error, "after a byte").send(outgoing(), within())


def mail_provider(sandbox: Sandbox) -> InALoop:
    settings = DeliverySettings(smtp_host="127.0.0.1", smtp_port=sandbox.smtp_port)
    return InALoop(SmtpProvider.from_settings(settings, SystemClock()))


UNWRITABLE: list[dict[str, Any]] = [
    {"subject": f"Hi {HALF}"},
    {"body": f"Hi {HALF}"},
    {"html_body": f"<p>{HALF}</p>"},
    {"body": "\0\x1b\u2028\ufffe\uffff"},
    {"subject": "\0\r\nBcc: eve@example.org\u2028"},
    {"tenant_id": f"t{HALF}"},
    {"notification_id": f"n{HALF}"},
    {"unsubscribe_url": f"https://x/{HALF}"},
    {"unsubscribe_url": "https://x/é\r\nX: y"},
]


@pytest.mark.parametrize("given", UNWRITABLE, ids=lambda given: ", ".join(f"{k}={v!a}" for k, v in given.items()))
def test_text_that_nobody_can_write_is_sent_somehow_or_refused_for_good_by_every_provider(
    sandbox: Sandbox, given: dict[str, Any]
) -> None:
    providers: dict[str, Any] = {"smtp": mail_provider(sandbox)}
    for name in ("twilio", "ses", "sns", "fcm"):
        providers[name] = provider(name, sandbox.http)
    providers["webhook"] = provider("webhook", f"{sandbox.http}/webhook")
    sent = {name: outgoing(HTTP[name].to if name in HTTP else "ada@example.org", **given) for name in providers}
    outcomes = {name: made.send(sent[name], within()) for name, made in providers.items()}
    for made in providers.values():
        made.close()
    assert {name: outcome for name, outcome in outcomes.items() if outcome.kind not in SURE} == {}


@pytest.mark.parametrize(
    "to", ["", "a@b@c", f"a{HALF}@example.org", "a@exa mple.org", f"a@{HALF}.org", "ä" * 65 + "@x.de"]
)
def test_an_address_that_is_none_is_refused_for_good(sandbox: Sandbox, to: str) -> None:
    made: list[Any] = [
        mail_provider(sandbox),
        *(provider(name, sandbox.http) for name in ("twilio", "ses", "sns", "fcm")),
    ]
    kinds = {type(each.provider).__name__: each.send(outgoing(to), within()).kind for each in made}
    assert kinds == {type(each.provider).__name__: OutcomeKind.PERMANENT_FAILURE for each in made}


def test_what_aws_finds_wrong_before_it_sends_is_permanent() -> None:
    """Nothing listens at the address: nothing has to."""
    for name in ("ses", "sns"):
        aws = provider(name, "http://127.0.0.1:9")
        aws.provider.build = lambda _: {"PhoneNumber": 5, "Destination": "x"}
        outcome = aws.send(outgoing(), within())
        aws.close()
        assert (outcome.kind, outcome.code) == CANNOT


class Poison(CompiledTemplate):
    """Breaks in a way that nobody foresaw."""

    def render(self, *_: Any) -> Rendered:
        raise RecursionError("ada@example.org")


async def test_so_is_what_breaks_while_a_text_is_rendered() -> None:
    async def fetch(*_: Any) -> CompiledTemplate:
        return Poison([Text("", "", "Hi", "you", "")], "en")

    links = UnsubscribeLinks.from_settings(DeliverySettings(), lambda *_: None)
    outcome = await prepare(claim(), TemplateCache(fetch, 10), links)
    assert isinstance(outcome, Outcome)
    assert (outcome.kind, outcome.code) == CANNOT
    assert "ada" not in outcome.message


async def test_a_mail_of_html_alone_is_sent_with_the_text_in_it() -> None:
    async def fetch(*_: Any) -> CompiledTemplate:
        return CompiledTemplate([Text("EMAIL", "", "Hi", "", "<h1>Hi {{ 1 }}</h1><p>Bye")], "en")

    links = UnsubscribeLinks.from_settings(DeliverySettings(), lambda *_: None)
    made = await prepare(claim(), TemplateCache(fetch, 10), links)
    assert isinstance(made, Outgoing)
    assert (made.body, made.html_body) == ("Hi 1\n\nBye", "<h1>Hi 1</h1><p>Bye")


@pytest.fixture
async def engine(ledger: tuple[FakeLedger, str]) -> AsyncIterator[Engine]:
    settings = DeliverySettings(delivery_breaker_least_calls=2, delivery_breaker_calls=10)
    channel = open_channel(ledger[1])
    client = LedgerClient(channel, worker_id="test", lease=settings.delivery_lease_seconds)
    broken = Breaking(ValueError("ada@example.org"), "build")
    made = Engine(client, {"smtp": broken}, settings, 64)
    yield made
    await made.stop()
    await channel.close()


async def test_a_hundred_that_cannot_be_built_leave_the_provider_in_use(
    engine: Engine, ledger: tuple[FakeLedger, str]
) -> None:
    refs = [ledger[0].add("ada@example.org") for _ in range(100)]
    await engine.take(refs)
    await eventually(lambda: len(ledger[0].settled) == 100)
    assert {(ledger[0].outcome(ref), ledger[0].failure(ref)) for ref in refs} == {
        ("PERMANENT_FAILURE", "MESSAGE_CANNOT_BE_BUILT")
    }
    assert [view.state for view in engine._breakers.views()] == [BreakerState.CLOSED]


@pytest.mark.parametrize(
    "address",
    [
        "a@x.de",
        "!#$%&'*+/?=^_`{|}~-@example.org",
        "a.b.c+tag@sub.example.org",
        "a" * 64 + "@example.org",
        "a" * 64 + "@" + ".".join(["b" * 45] * 4) + ".org",
        "a@" + "b" * 63 + ".org",
        "ada@straße.de",
        "ada@例え.jp",
        "ada@xn--strae-oqa.de",
        "ada@EXAMPLE.org",
        "ada@1.2.example.org",
        "-a-@example.org",
    ],
)
def test_an_email_can_be_built_to_every_address_that_the_front_door_takes(sandbox: Sandbox, address: str) -> None:
    taken = Addresses().normalise(Address.MAILBOX, address)
    for made in (mail_provider(sandbox), provider("ses", sandbox.http)):
        assert made.send(outgoing(taken), within()).kind is OutcomeKind.SUCCEEDED
        made.close()
