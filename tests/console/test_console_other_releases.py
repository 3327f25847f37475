"""Pages show what only another release of Pulse knows as unspecified, and everything else as ever."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, limit_pb2, provider_pb2, recipient_pb2, template_pb2
from pulse.gateway.v1 import operations_service_pb2
from pulse_client.enums import Channel, Status
from services.console.views import tally
from services.console.views.statistics import Count
from tests.console.book import Book
from tests.console.fake_operations import Operations

#: A number that no enumeration has.
NEWER: Any = 99


@pytest.fixture
def newer(book: Book) -> str:
    """Everything that the gateway knows is of a newer release; the id of its notification."""
    letter = template_pb2.TemplateContent(channel=NEWER, body="On paper")
    book.templates["letter"] = [
        template_pb2.Template(name="letter", version=1, channel=NEWER, priority=NEWER, contents=[letter])
    ]
    book.limits["acme", "per_moon"] = limit_pb2.Limit(tenant_id="acme", limit_id="per_moon", kind=NEWER, amount=3)
    book.providers["post"] = provider_pb2.ProviderState(
        provider="post", channel=NEWER, breaker=NEWER, override=NEWER, reachable=True
    )
    book.preferences.choices.add(channel=NEWER, enabled=False)
    book.suppressions["s"] = recipient_pb2.Suppression(suppression_id="s", user_id="ann", channel=NEWER, reason=NEWER)
    stored = book.add(status=NEWER, channel=NEWER, priority=NEWER, delivery_guarantee=NEWER)
    stored.timeline[-1].kind = stored.timeline[-1].outcome = NEWER
    stored.fallbacks.add(channel=NEWER, to="1 High Street")
    return stored.notification_id


PAGES = ["", "/notifications", "/recipients?user_id=ann", "/templates", "/templates/letter", "/providers", "/limits"]


async def test_every_page_is_shown(visitor, newer: str):
    for path in [*PAGES, f"/notifications/{newer}"]:
        page = await visitor.get(f"/console{path}")
        assert page.status_code == 200, (path, page.text)
    assert "unspecified" in page.text
    assert "Cancel" not in page.text


async def test_a_dead_letter_by_an_unknown_channel_is_shown(visitor, book: Book):
    book.add(status=enums_pb2.FAILED, channel=NEWER)
    page = await visitor.get("/console/dead-letters")
    assert page.status_code == 200
    assert "UNSPECIFIED" in page.text


@pytest.fixture
def newer_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway with notifications of unknown lanes and channels."""

    async def depths(self, request, context):
        return operations_service_pb2.GetQueueDepthsResponse(
            queues=[operations_service_pb2.QueueDepth(lane=lane, due=2) for lane in (enums_pb2.HIGH, NEWER)]
        )

    async def statistics(self, request, context):
        counts = [operations_service_pb2.StatusCount(status=NEWER, channel=NEWER, count=4, provider="post")]
        return operations_service_pb2.GetStatisticsResponse(counts=counts)

    monkeypatch.setattr(Operations, "GetQueueDepths", depths)
    monkeypatch.setattr(Operations, "GetStatistics", statistics)


async def test_figures_of_unknown_lanes_and_channels_have_places_of_their_own(newer_figures, visitor):
    figures = (await visitor.get("/console/overview.json")).json()["figures"]
    assert [lane["lane"] for lane in figures["lanes"]] == ["HIGH", "UNSPECIFIED"]
    counted = [(one["channel"], one["under_way"]) for one in figures["channels"] if one["accepted"]]
    assert counted == [("UNSPECIFIED", 4)]
    assert [one["provider"] for one in figures["providers"]] == ["post"]


def test_an_unknown_status_is_neither_arrived_nor_failed_nor_withheld():
    (email, *_) = tally.by_channel([Count(Status.UNSPECIFIED, Channel.EMAIL, 3)])
    assert (email.under_way, email.arrived, email.failed, email.withheld) == (3, 0, 0, 0)
