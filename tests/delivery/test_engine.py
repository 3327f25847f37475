"""The engine between a fake ledger, behind real gRPC, and fake providers."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from pulse.ledger.v1 import records_pb2
from services.delivery import ledger as ledger_client
from services.delivery.config import DeliverySettings
from services.delivery.ledger import LedgerClient
from services.delivery.rules.provider import Cause, Outcome, Outgoing, Rejection, permanent, succeeded, transient
from services.delivery.rules.room import RoomClosed
from services.delivery.worker.engine import Engine
from services.delivery.worker.pace import BITE, Pace
from services.delivery.worker.rounds import ANSWER_TEXT
from shared import unsubscribe
from shared.rpc.channels import open_channel
from shared.signing import KeyRing
from shared.times import to_timestamp
from shared.unsubscribe import Subscription
from tests.delivery.fakes import FakeLedger, FakeProvider, template_of
from tests.support import eventually

Start = Callable[..., Engine]


@pytest.fixture
async def start(ledger: tuple[FakeLedger, str]) -> AsyncIterator[Start]:
    """Makes engines, and stops them at the end."""
    channel = open_channel(ledger[1])
    engines: list[Engine] = []

    def make(*providers: FakeProvider, in_flight: int = 256, pace: Pace | None = None, **settings: Any) -> Engine:
        configured = DeliverySettings(**settings)
        client = LedgerClient(channel, worker_id="test", lease=configured.delivery_lease_seconds)
        engines.append(Engine(client, {each.name: each for each in providers}, configured, in_flight, pace=pace))
        return engines[-1]

    yield make
    for engine in engines:
        await engine.stop()
    await channel.close()


def gate() -> tuple[asyncio.Event, Callable[[Outgoing], Awaitable[Outcome]]]:
    """An answer that waits for an event."""
    opened = asyncio.Event()

    async def answer(_: Outgoing) -> Outcome:
        await opened.wait()
        return succeeded("1")

    return opened, answer


async def test_what_is_claimed_is_rendered_sent_and_settled(start: Start, ledger: tuple[FakeLedger, str]) -> None:
    provider = FakeProvider()
    ref = ledger[0].add("ada@example.org")
    await start(provider).take([ref])
    await eventually(lambda: ledger[0].outcome(ref) == "SUCCEEDED")
    [sent] = provider.sent
    assert (sent.to, sent.subject, sent.body) == ("ada@example.org", "Hello Ada", "Hi Ada!")
    assert ledger[0].settled[ref[1]].provider_message_id == "fake-1"
    assert ledger[0].settled[ref[1]].fence == 1


async def test_a_subject_of_the_callers_replaces_the_templates(start: Start, ledger: tuple[FakeLedger, str]) -> None:
    provider = FakeProvider()
    await start(provider).take([ledger[0].add("ada@example.org", subject="{{ taken literally }}")])
    await eventually(lambda: provider.sent)
    assert provider.sent[0].subject == "{{ taken literally }}"


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (transient("450", "later", 30.0), "TRANSIENT_FAILURE"),
        (permanent("550", "never"), "PERMANENT_FAILURE"),
    ],
)
async def test_an_outcome_is_settled_as_the_provider_gave_it(
    start: Start, ledger: tuple[FakeLedger, str], outcome: Outcome, name: str
) -> None:
    async def answer(_: Outgoing) -> Outcome:
        return outcome

    ref = ledger[0].add("ada@example.org")
    await start(FakeProvider(answer=answer)).take([ref])
    await eventually(lambda: ledger[0].outcome(ref) == name)
    settled = ledger[0].settled[ref[1]]
    assert (settled.failure.code, settled.failure.message) == (outcome.code, outcome.message)
    assert settled.retry_after.seconds == (outcome.retry_after or 0)


async def test_a_providers_lasting_word_on_an_address_is_passed_on(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    async def answer(_: Outgoing) -> Outcome:
        return permanent("550", "no such user", Rejection.GONE)

    ref = ledger[0].add("ada@example.org")
    await start(FakeProvider(answer=answer)).take([ref])
    await eventually(lambda: ledger[0].settled)
    assert ledger[0].settled[ref[1]].rejection == records_pb2.GONE


@pytest.mark.parametrize("cause", list(Cause))
async def test_what_a_passing_failure_is_about_is_passed_on(
    start: Start, ledger: tuple[FakeLedger, str], cause: Cause
) -> None:
    async def answer(_: Outgoing) -> Outcome:
        return transient("450", "not now", cause=cause)

    ref = ledger[0].add("ada@example.org")
    await start(FakeProvider(answer=answer)).take([ref])
    await eventually(lambda: ledger[0].settled)
    assert ledger[0].settled[ref[1]].cause == records_pb2.Cause.Value(cause.name)


@pytest.mark.parametrize(
    ("settings", "more", "linked"),
    [
        ({}, {}, True),
        ({"unsubscribe_key": ""}, {}, False),
        ({"public_url": ""}, {}, False),
        ({}, {"unsubscribable": False}, False),
        ({}, {"channel": "SMS"}, False),
        ({}, {"user_id": "".join(chr(0x10000 + 997 * n) for n in range(256))}, False),  # no header line is that long
    ],
)
async def test_an_email_that_may_be_unsubscribed_from_has_a_signed_link(
    start: Start, ledger: tuple[FakeLedger, str], settings: dict[str, str], more: dict[str, Any], linked: bool
) -> None:
    key = "a key that nobody guesses"
    configured = {"unsubscribe_key": key, "public_url": "https://pulse.example/", **settings}
    provider = FakeProvider()
    wanted = {"user_id": "u-1", "category": "news", "unsubscribable": True, **more}
    await start(provider, **configured).take([ledger[0].add("ada@example.org", **wanted)])
    await eventually(lambda: provider.sent)
    before, _, token = provider.sent[0].unsubscribe_url.rpartition("/")
    assert before == ("https://pulse.example/unsubscribe" if linked else "")
    if linked:
        assert unsubscribe.verify(KeyRing.parse(key), token) == Subscription("default", "u-1", "news", "EMAIL")


async def test_unknown_foreign_and_repeated_ids_do_nothing(start: Start, ledger: tuple[FakeLedger, str]) -> None:
    provider = FakeProvider()
    engine = start(provider, in_flight=4)
    ref = ledger[0].add("ada@example.org")
    unknown = ("default", "00000000-0000-7000-8000-000000000000")
    await engine.take([unknown, ("other", ref[1]), *[ref] * 1000])
    await eventually(lambda: ledger[0].settled)
    await engine.take([ref])
    assert len(provider.sent) == 1


async def test_many_are_claimed_settled_and_fetched_in_batches(start: Start, ledger: tuple[FakeLedger, str]) -> None:
    refs = [ledger[0].add(f"u{number}@example.org") for number in range(500)]
    await start(FakeProvider(), in_flight=1024).take(refs)
    await eventually(lambda: len(ledger[0].settled) == 500)
    assert ledger[0].claim_calls == 4
    assert ledger[0].settle_calls < 100
    assert ledger[0].template_calls == 1


@pytest.mark.parametrize(
    ("body", "reason", "variables"),
    [
        ("{{ order.number }}", "MISSING_VARIABLE", "order.number"),
        ("{% if name > 3 %}x{% endif %}", "RENDER_FAILED", "name"),
        ("{{ name | times: 2 }}", "NOT_A_NUMBER", "name"),
    ],
)
async def test_a_template_that_cannot_be_rendered_is_a_permanent_failure_that_names_the_variable(
    start: Start, ledger: tuple[FakeLedger, str], body: str, reason: str, variables: str
) -> None:
    provider = FakeProvider()
    ledger[0].template = template_of("Hello", body)
    ref = ledger[0].add("ada@example.org", context={"order": {}, "name": "Secret"})
    await start(provider).take([ref])
    await eventually(lambda: ledger[0].settled)
    assert (ledger[0].outcome(ref), ledger[0].failure(ref)) == ("PERMANENT_FAILURE", reason)
    assert ledger[0].settled[ref[1]].failure.message == f"the template cannot be rendered: {variables}"
    assert not provider.sent


async def test_a_template_that_cannot_be_compiled_is_a_permanent_failure(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    ledger[0].template = template_of("Hello", "{% if %}")
    ref = ledger[0].add("ada@example.org")
    await start(FakeProvider()).take([ref])
    await eventually(lambda: ledger[0].settled)
    assert ledger[0].failure(ref) == "TEMPLATE_SYNTAX"


async def test_a_provider_that_this_worker_lacks_is_a_passing_failure(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    ref = ledger[0].add("ada@example.org", provider="pigeon")
    await start(FakeProvider()).take([ref])
    await eventually(lambda: ledger[0].settled)
    assert (ledger[0].outcome(ref), ledger[0].failure(ref)) == ("TRANSIENT_FAILURE", "PROVIDER_NOT_CONFIGURED")


async def test_what_expires_while_it_waits_is_handed_back_unsent(start: Start, ledger: tuple[FakeLedger, str]) -> None:
    opened, answer = gate()
    provider = FakeProvider(concurrency=1, answer=answer)
    first = ledger[0].add("ada@example.org")
    expires_at = to_timestamp(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=0.3))
    second = ledger[0].add("bob@example.org", expires_at=expires_at)
    await start(provider).take([first, second])
    await asyncio.wait_for(_until(expires_at.ToDatetime(dt.UTC)), 2)
    opened.set()
    await eventually(lambda: len(ledger[0].settled) == 2)
    assert (ledger[0].outcome(second), ledger[0].failure(second)) == ("RELEASED", "EXPIRED")
    assert [sent.to for sent in provider.sent] == ["ada@example.org"]


async def _until(moment: dt.datetime) -> None:
    await eventually(lambda: dt.datetime.now(dt.UTC) > moment)


async def test_what_has_too_little_lease_left_is_handed_back_unsent(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    began = asyncio.get_running_loop().time()
    opened, answer = gate()
    provider = FakeProvider(concurrency=1, answer=answer)
    settings = {"delivery_lease_seconds": 3.0, "delivery_call_seconds": 1.0, "delivery_stall_seconds": 60.0}
    refs = [ledger[0].add("ada@example.org"), ledger[0].add("bob@example.org")]
    await start(provider, **settings).take(refs)
    await eventually(lambda: asyncio.get_running_loop().time() - began > 1.6)
    opened.set()
    await eventually(lambda: len(ledger[0].settled) == 2)
    assert (ledger[0].outcome(refs[1]), ledger[0].failure(refs[1])) == ("RELEASED", "LEASE_TOO_SHORT")
    assert len(provider.sent) == 1


async def test_a_call_that_does_not_end_is_settled_as_unanswered_in_time(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    opened, answer = gate()
    ref = ledger[0].add("ada@example.org")
    settings = {"delivery_lease_seconds": 3.0, "delivery_call_seconds": 0.2}
    await start(FakeProvider(answer=answer), **settings).take([ref])
    await eventually(lambda: ledger[0].outcome(ref) == "UNANSWERED", timeout=2)
    opened.set()  # its late end must not be settled again: the fake ledger would object


async def test_a_provider_that_breaks_leaves_the_outcome_open(start: Start, ledger: tuple[FakeLedger, str]) -> None:
    async def answer(_: Outgoing) -> Outcome:
        raise RuntimeError("ada@example.org")

    ref = ledger[0].add("ada@example.org")
    await start(FakeProvider(answer=answer)).take([ref])
    await eventually(lambda: ledger[0].outcome(ref) == "UNANSWERED")
    assert "ada" not in str(ledger[0].settled[ref[1]])


async def test_a_hanging_provider_holds_up_no_other_and_its_waiting_are_handed_back(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    opened, answer = gate()
    hanging = FakeProvider(name="twilio", channel="SMS", concurrency=2, answer=answer)
    settings = {"delivery_stall_seconds": 0.2, "delivery_call_seconds": 9.0}
    engine = start(hanging, FakeProvider(), in_flight=10, **settings)
    sms = [ledger[0].add("+4915112345678", provider="twilio", channel="SMS") for _ in range(10)]
    emails = [ledger[0].add("ada@example.org") for _ in range(20)]
    await engine.take(sms)
    await asyncio.wait_for(engine.take(emails), 5)
    await eventually(lambda: all(ledger[0].outcome(ref) == "SUCCEEDED" for ref in emails))
    handed_back = [ref for ref in sms if ledger[0].outcome(ref) == "RELEASED"]
    assert len(handed_back) == 8
    assert {ledger[0].failure(ref) for ref in handed_back} == {"PROVIDER_AVOIDED"}
    opened.set()


async def test_a_full_worker_waits_and_claims_no_more_than_it_holds(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    opened, answer = gate()
    engine = start(FakeProvider(answer=answer, concurrency=100), in_flight=5)
    refs = [ledger[0].add("ada@example.org") for _ in range(12)]
    taking = asyncio.create_task(engine.take(refs))
    await eventually(lambda: len(ledger[0].due) == 7)
    assert not taking.done()
    opened.set()
    await asyncio.wait_for(taking, 5)
    await eventually(lambda: len(ledger[0].settled) == 12)


@pytest.mark.parametrize(
    "outcome", [permanent("CODE", "\U0001f600" * 200_000), succeeded("i" * 800_000), permanent("C" * 800_000, "no")]
)
async def test_what_a_provider_says_at_length_is_no_reason_to_lose_it(
    start: Start, ledger: tuple[FakeLedger, str], outcome: Outcome
) -> None:
    async def answer(_: Outgoing) -> Outcome:
        return outcome

    refs = [ledger[0].add("ada@example.org") for _ in range(60)]
    await start(FakeProvider(answer=answer, concurrency=100)).take(refs)
    await eventually(lambda: len(ledger[0].settled) == 60)
    settled = ledger[0].settled[refs[0][1]]
    assert (settled.failure.message, settled.provider_message_id) == (
        outcome.message[:1024],
        outcome.provider_message_id[:256],
    )


async def test_what_an_answer_has_no_room_for_is_claimed_at_once(start: Start, ledger: tuple[FakeLedger, str]) -> None:
    ledger[0].answer_room = 7
    provider = FakeProvider()
    refs = [ledger[0].add("ada@example.org") for _ in range(60)]
    engine = start(provider, in_flight=160)
    await asyncio.gather(*(engine.take(refs[first : first + 15]) for first in range(0, 60, 15)))
    await eventually(lambda: len(ledger[0].settled) == 60)
    assert len(provider.sent) == 60
    # Every place is free again, and none is that never was.
    opened, provider.answer = gate()
    ledger[0].answer_room = 1_000
    more = [ledger[0].add("ada@example.org") for _ in range(200)]
    taking = asyncio.create_task(engine.take(more))
    await eventually(lambda: len(ledger[0].due) == 40)
    assert not taking.done()
    opened.set()
    await taking


async def test_what_is_left_survives_a_ledger_that_is_away_for_a_while(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    ledger[0].answer_room = 1
    provider = FakeProvider()

    async def answer(_: Outgoing) -> Outcome:
        ledger[0].claim_failures = 5 if len(provider.sent) == 1 else ledger[0].claim_failures
        return succeeded("1")

    provider.answer = answer
    refs = [ledger[0].add("ada@example.org") for _ in range(10)]
    await asyncio.wait_for(start(provider, in_flight=80).take(refs), 10)
    await eventually(lambda: len(ledger[0].settled) == 10)
    assert len(provider.sent) == 10


async def test_a_worker_holds_so_much_text_at_the_most(
    start: Start, ledger: tuple[FakeLedger, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.delivery.worker.engine.MOST_TEXT", ANSWER_TEXT + 3_000)
    opened, answer = gate()
    ledger[0].answer_room = 1
    refs = [ledger[0].add("ada@example.org", context={"name": "x" * 1_000}) for _ in range(10)]
    engine = start(FakeProvider(answer=answer), in_flight=80)
    taking = asyncio.create_task(engine.take(refs))
    await eventually(lambda: len(ledger[0].due) == 7)
    assert not taking.done()
    opened.set()
    await asyncio.wait_for(taking, 5)
    await eventually(lambda: len(ledger[0].settled) == 10)


async def test_an_outcome_survives_a_ledger_that_is_away_for_a_while(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    ledger[0].settle_failures = 5
    ref = ledger[0].add("ada@example.org")
    await start(FakeProvider()).take([ref])
    await eventually(lambda: ledger[0].outcome(ref) == "SUCCEEDED")


async def test_claims_wait_for_a_ledger_that_is_away(start: Start, ledger: tuple[FakeLedger, str]) -> None:
    ledger[0].claim_failures = 5
    ref = ledger[0].add("ada@example.org")
    await start(FakeProvider()).take([ref])
    await eventually(lambda: ledger[0].outcome(ref) == "SUCCEEDED")


async def test_stopping_ends_calls_under_way_and_hands_back_the_rest(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    opened, answer = gate()
    provider = FakeProvider(answer=answer, concurrency=2)
    engine = start(provider, in_flight=6)
    refs = [ledger[0].add("ada@example.org") for _ in range(8)]
    taking = asyncio.create_task(engine.take(refs))
    await eventually(lambda: (len(ledger[0].due), len(provider.sent)) == (2, 2))
    stopping = asyncio.create_task(engine.stop())
    with pytest.raises(RoomClosed):
        await taking
    opened.set()
    await asyncio.wait_for(stopping, 5)
    outcomes = [ledger[0].outcome(ref) for ref in refs]
    assert (outcomes.count("SUCCEEDED"), outcomes.count("RELEASED"), outcomes.count("")) == (2, 4, 2)


@pytest.mark.parametrize("in_time", [True, False], ids=["its template comes", "its template does not come in time"])
async def test_what_is_being_prepared_when_the_worker_stops_is_handed_back_unsent(
    start: Start, ledger: tuple[FakeLedger, str], monkeypatch: pytest.MonkeyPatch, in_time: bool
) -> None:
    monkeypatch.setattr("services.delivery.ledger.CALL_SECONDS", 1.6)
    provider = FakeProvider()
    engine = start(provider, delivery_lease_seconds=6.0, delivery_call_seconds=0.2)
    ledger[0].template_given.clear()
    refs = [ledger[0].add("ada@example.org") for _ in range(3)]
    await engine.take(refs)
    await eventually(lambda: ledger[0].template_calls == 1)
    stopping = asyncio.create_task(engine.stop())
    await asyncio.wait({stopping}, timeout=0.1)
    if in_time:
        ledger[0].template_given.set()
    await asyncio.wait_for(stopping, 5)
    assert [ledger[0].outcome(ref) for ref in refs] == ["RELEASED"] * 3
    assert provider.sent == []


async def test_a_low_worker_claims_in_small_bites_while_high_is_under_way(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    ledger[0].high_under_way = True
    refs = [ledger[0].add(f"{n}@example.org") for n in range(4 * BITE)]
    engine = start(FakeProvider(), in_flight=1024, pace=Pace(0.5))
    await engine.take(refs)
    await eventually(lambda: all(ledger[0].outcome(ref) == "SUCCEEDED" for ref in refs))
    assert ledger[0].claim_sizes == [BITE] * 4


async def test_bites_of_several_tasks_are_not_put_together(start: Start, ledger: tuple[FakeLedger, str]) -> None:
    ledger[0].high_under_way = True
    refs = [ledger[0].add(f"{n}@example.org") for n in range(4 * BITE)]
    engine = start(FakeProvider(), in_flight=1024, pace=Pace(0.5))
    await asyncio.gather(*(engine.take(refs[at : at + BITE]) for at in range(0, len(refs), BITE)))
    assert ledger[0].claim_sizes == [BITE] * 4


async def test_a_low_worker_claims_much_at_once_when_high_has_ended(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    refs = [ledger[0].add(f"{n}@example.org") for n in range(BITE + 100)]
    await start(FakeProvider(), in_flight=1024, pace=Pace(0.5)).take(refs)
    assert ledger[0].claim_sizes == [BITE, 100]


@pytest.mark.parametrize(
    "odd",
    [
        succeeded("\ud83d"),
        transient("\udcff", "mailbox \ud800 full"),
        permanent("550", "no such \udfff"),
        transient("421", "busy", retry_after=float("inf")),
        transient("421", "busy", retry_after=float("nan")),
        transient("421", "busy", retry_after=-1e300),
        transient("421", "busy", retry_after=1e300),
    ],
)
async def test_an_odd_answer_keeps_no_outcome_of_its_batch_from_the_ledger(
    start: Start, ledger: tuple[FakeLedger, str], odd: Outcome
) -> None:
    opened = asyncio.Event()

    async def answer(outgoing: Outgoing) -> Outcome:
        await opened.wait()
        return odd if outgoing.to == "odd@example.org" else succeeded("1")

    refs = [ledger[0].add(f"{name}@example.org") for name in ("a", "odd", "b", "c")]
    await start(FakeProvider(answer=answer)).take(refs)
    opened.set()
    await eventually(lambda: len(ledger[0].settled) == len(refs))
    assert [ledger[0].outcome(ref) for ref in refs] == ["SUCCEEDED", odd.kind.name, "SUCCEEDED", "SUCCEEDED"]


async def test_a_claim_that_cannot_be_read_is_left_to_its_lease_and_the_others_are_sent(
    start: Start, ledger: tuple[FakeLedger, str]
) -> None:
    provider = FakeProvider()
    refs = [ledger[0].add(f"{number}@example.org") for number in range(5)]
    ledger[0].due[refs[2]].create_time.seconds = 2**60
    engine = start(provider, in_flight=5)
    await engine.take(refs)
    await eventually(lambda: len(ledger[0].settled) == len(refs) - 1)
    assert refs[2][1] not in ledger[0].settled
    more = [ledger[0].add(f"more-{number}@example.org") for number in range(5)]
    await engine.take(more)
    await eventually(lambda: len(ledger[0].settled) == 2 * len(refs) - 1)


async def test_what_breaks_the_worker_before_the_call_costs_an_attempt_and_is_not_the_provider_s_fault(
    start: Start, ledger: tuple[FakeLedger, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever breaks: here the fetching of the template, by an error that is no answer of the ledger's."""
    monkeypatch.setattr(ledger_client, "texts", lambda _: 1 / 0)
    provider = FakeProvider()
    refs = [ledger[0].add(f"{number}@example.org") for number in range(4)]
    engine = start(provider)
    await engine.take(refs)
    await eventually(lambda: len(ledger[0].settled) == len(refs))
    assert {(ledger[0].outcome(ref), ledger[0].failure(ref)) for ref in refs} == {("TRANSIENT_FAILURE", "WORKER_ERROR")}
    monkeypatch.undo()
    last = ledger[0].add("last@example.org")
    await engine.take([last])
    await eventually(lambda: ledger[0].settled.get(last[1]))
    assert ledger[0].outcome(last) == "SUCCEEDED"
