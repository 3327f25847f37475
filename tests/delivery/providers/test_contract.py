"""What every provider that is listed keeps: one suite over all of them, each against its look-alike.

A provider brings what this needs itself: its entry says how it is pointed at its look-alike, and the look-alike by
which statuses it refuses a notification for good, and credentials. One that does not bring it fails here.
"""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from services.delivery.config import DeliverySettings
from services.delivery.providers.base.entry import Entry
from services.delivery.providers.registry import BY_NAME, PROVIDERS
from services.delivery.rules.provider import Cause, Outcome, OutcomeKind, Outgoing, Provider
from services.sandbox.faults import Status
from services.sandbox.providers.registry import ANSWERS, PORTS
from shared.channel.table import Channel
from shared.clock import SystemClock
from tests.delivery.conftest import Sandbox
from tests.delivery.outgoing import outgoing, within
from tests.delivery.recipients import as_kept, destination, recipient

#: The deadline of a call that is not answered, s, and how much later it may end on a machine with much to do.
SHORT_S, LATE_S = 0.4, 3.0

OK, PASSING, FOR_GOOD, OPEN = (
    OutcomeKind.SUCCEEDED,
    OutcomeKind.TRANSIENT_FAILURE,
    OutcomeKind.PERMANENT_FAILURE,
    OutcomeKind.UNANSWERED,
)
#: Codes of those that have words of their own for what others call by their name.
UNREACHABLE = {"fcm": {"FCM_NO_ACCESS_TOKEN"}}
NO_ANSWER = {"smtp": {"SMTP_CONNECTION_LOST", "SMTP_GARBAGE"}}
LOOP = pytest.mark.asyncio(loop_scope="module")
EVERY = pytest.mark.parametrize("name", [entry.name for entry in PROVIDERS])
#: Makes the provider of a name, pointed at a port of this machine.
Made = Callable[[str, int], Provider]


def settings_for(entry: Entry[Any], port: int) -> DeliverySettings:
    # Some providers carry the notification's id in the address that they report to.
    return DeliverySettings.load(
        {"PULSE_PUBLIC_URL": "https://pulse.example", **entry.lookalike.told("127.0.0.1", port)}
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made() -> AsyncIterator[Made]:
    """Each is built once, as some of their libraries take their time; all calls come from one loop, as in a worker."""
    built: dict[tuple[str, int], Provider] = {}

    def make(name: str, port: int) -> Provider:
        if (name, port) not in built:
            built[name, port] = BY_NAME[name].build(settings_for(BY_NAME[name], port), SystemClock())
        return built[name, port]

    yield make
    for provider in built.values():
        await provider.close()


def addressed(provider: Provider, port: int) -> Outgoing:
    """A notification for somebody whom the provider's look-alike at that port knows."""
    return outgoing(recipient(provider, port), channel=provider.channel, destination=destination(provider))


class Stage:
    """One provider before its look-alike."""

    def __init__(self, name: str, sandbox: Sandbox, made: Made) -> None:
        ports = {"http": int(sandbox.http.rpartition(":")[2]), "smtp": sandbox.smtp_port}
        self.name, self.sandbox = name, sandbox
        self.provider = made(name, ports[PORTS[name]])
        self.given = addressed(self.provider, ports[PORTS[name]])

    def refuse(self, status: Status) -> None:
        more = {"at": status.at} if status.at else {}
        self.sandbox.fault(self.name, "status", status.value, **more)

    async def send(self, seconds: float = 5.0) -> Outcome:
        return await self.provider.send(self.given, within(seconds))

    def kept(self) -> list[dict[str, Any]]:
        mine = [one for one in self.sandbox.receipts() if one["notification_id"] == self.given.notification_id]
        return [{key: one[key] for key in ("provider", "channel", "to", "body")} for one in mine]

    @property
    def whole(self) -> dict[str, Any]:
        """The receipt of what was given."""
        told = {"provider": self.name, "channel": self.provider.channel.lower()}
        return {**told, "to": as_kept(self.given.to), "body": self.given.body}


@pytest.fixture
def stage(name: str, sandbox: Sandbox, made: Made) -> Stage:
    return Stage(name, sandbox, made)


def test_every_provider_has_a_look_alike_and_every_look_alike_a_provider() -> None:
    assert BY_NAME.keys() == ANSWERS.keys()


@EVERY
def test_it_is_what_its_settings_say(name: str, made: Made) -> None:
    entry = BY_NAME[name]
    settings = settings_for(entry, 9)
    provider = made(name, 9)
    assert (provider.name, provider.channel) == (name, entry.channel(settings))
    assert Channel.named(provider.channel) is not None
    assert provider.concurrency >= 1
    endpoint = entry.endpoint(settings)
    assert endpoint is not None
    assert (endpoint.host, endpoint.port) == ("127.0.0.1", 9)
    assert entry.url(DeliverySettings()) == "", "nothing configures it"
    assert entry.lookalike.owners


@EVERY
@LOOP
async def test_success(stage: Stage) -> None:
    outcome = await stage.send()
    assert outcome.kind is OK
    assert outcome.provider_message_id
    assert (outcome.code, outcome.message, outcome.rejection) == ("", "", None)
    assert [{**one, "body": one["body"].strip()} for one in stage.kept()] == [stage.whole]


@EVERY
@LOOP
async def test_too_fast_passes_and_the_time_asked_for_is_told(stage: Stage) -> None:
    stage.sandbox.fault(stage.name, "retry_after_s", 7)
    outcome = await stage.send()
    assert (outcome.kind, outcome.retry_after) == (PASSING, 7)
    assert outcome.cause is not Cause.CONFIGURATION
    assert stage.kept() == []


@EVERY
@LOOP
async def test_refused_for_good(stage: Stage) -> None:
    stage.refuse(ANSWERS[stage.name].for_good)
    outcome = await stage.send()
    assert outcome.kind is FOR_GOOD
    assert outcome.code
    assert stage.given.to not in outcome.message
    assert stage.kept() == []


@EVERY
@LOOP
async def test_credentials_refused_wait_for_an_operator(stage: Stage) -> None:
    stage.refuse(ANSWERS[stage.name].credentials)
    outcome = await stage.send()
    assert (outcome.kind, outcome.cause) == (PASSING, Cause.CONFIGURATION)
    assert "configuration" in outcome.message
    assert stage.kept() == []


@EVERY
@LOOP
async def test_nobody_there_passes(name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        entry, port = BY_NAME[name], taken.getsockname()[1]
        provider = entry.build(settings_for(entry, port), SystemClock())
        outcome = await provider.send(addressed(provider, port), within(5.0))
        await provider.close()
    assert (outcome.kind, outcome.cause) == (PASSING, Cause.PROVIDER)
    assert outcome.code in UNREACHABLE.get(name, {f"{name.upper()}_UNREACHABLE"})


@EVERY
@LOOP
async def test_silence_ends_with_the_deadline_and_leaves_it_open(stage: Stage) -> None:
    assert (await stage.send()).kind is OK  # so that no time goes into what comes before a call
    stage.sandbox.fault(stage.name, "hang")
    began = time.monotonic()
    outcome = await stage.send(SHORT_S)
    assert outcome.kind is OPEN
    assert outcome.code in NO_ANSWER.get(stage.name, {f"{stage.name.upper()}_NO_ANSWER"})
    assert time.monotonic() - began < SHORT_S + LATE_S


@EVERY
@pytest.mark.parametrize("action", ["garbage", "reset"])
@LOOP
async def test_what_is_no_answer_leaves_it_open(stage: Stage, action: str) -> None:
    stage.sandbox.fault(stage.name, action, times=1)
    outcome = await stage.send()
    assert outcome.kind is OPEN
    assert outcome.code in NO_ANSWER.get(stage.name, {f"{stage.name.upper()}_NO_ANSWER"})
    assert (await stage.send()).kind is OK, "the next one gets through"


@EVERY
@LOOP
async def test_taken_over_and_unanswered_is_open(stage: Stage) -> None:
    stage.sandbox.fault(stage.name, "status_after_accept", "reset")
    assert (await stage.send()).kind is OPEN
    assert len(stage.kept()) == 1
