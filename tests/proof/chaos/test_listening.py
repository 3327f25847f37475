"""Who listens to a cell's events finds what was not told, what was told twice, and what was made up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from proof.chaos import listening
from proof.chaos.evidence import Event
from proof.chaos.listening import Listener, told_of

ID = "n-1"


def timeline(*steps: str) -> list[Event]:
    """Of kinds and statuses: "ACCEPTED QUEUED"."""
    return [Event(ID, "acme", number, 0.0, *step.split()) for number, step in enumerate(steps, 1)]


SENT = timeline("ACCEPTED QUEUED", "ATTEMPT_STARTED SENDING", "ATTEMPT_ENDED SENT", "RECEIPT DELIVERED")


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (("ACCEPTED QUEUED",), {"accepted"}),
        (("ACCEPTED SUPPRESSED",), {"accepted", "suppressed"}),
        (("ACCEPTED QUEUED", "CANCELLED CANCELLED"), {"accepted", "cancelled"}),
        (("ACCEPTED QUEUED", "ATTEMPT_ENDED RETRYING", "EXPIRED EXPIRED"), {"accepted", "expired"}),
        (("ACCEPTED QUEUED", "ATTEMPT_ENDED SENT", "RECEIPT SENT"), {"accepted", "sent"}),
        (("ACCEPTED QUEUED", "ATTEMPT_ENDED FAILED", "FALLBACK QUEUED"), {"accepted"}),
        (("ACCEPTED QUEUED", "ATTEMPT_ENDED FAILED", "REPLAYED QUEUED"), {"accepted", "failed"}),
        (("ACCEPTED QUEUED", "ATTEMPT_ENDED UNKNOWN", "RECEIPT DELIVERED"), {"accepted", "unknown", "delivered"}),
    ],
)
def test_what_is_told_of_a_timeline(steps: tuple[str, ...], told: set[str]) -> None:
    assert told_of(timeline(*steps)) == {f"notification.{one}" for one in told}


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """One that was told all of SENT, by its feed and by its subscription."""
    monkeypatch.setattr(listening, "PATIENCE_S", 0.0)
    made = Listener("127.0.0.1:1")
    for number, type_ in enumerate(sorted(told_of(SENT))):
        made._told[f"e-{number}"] = ID, type_
        made._times[f"e-{number}"] = 1
        made._sent.add((ID, type_))
    yield made
    made._server.server_close()


async def test_one_who_was_told_all_of_it_finds_nothing(listener: Listener) -> None:
    assert await listener.missed({ID: SENT}) == []
    assert list(listener.invented({ID: SENT})) == []


async def test_each_fault_is_found(listener: Listener) -> None:
    del listener._told["e-0"]
    listener._sent.discard((ID, "notification.sent"))
    listener._times["e-1"] = 2
    found = {(one.kind, one.subject) for one in await listener.missed({ID: SENT})}
    assert found == {("feed", ID), ("sent", ID), ("twice", ID)}


def test_what_was_made_up_is_found(listener: Listener) -> None:
    listener._sent.add((ID, "notification.failed"))
    assert [one.kind for one in listener.invented({ID: SENT})] == ["phantom"]
    assert list(listener.invented({"other": SENT})) == []
