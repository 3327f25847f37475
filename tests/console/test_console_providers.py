"""Providers are shown with their breakers, overridden, paused and resumed."""

from __future__ import annotations

import pytest

from pulse.common.v1 import enums_pb2, provider_pb2
from shared.errors import Code, PulseError

LIST = "/console/providers"


async def test_providers_are_shown_with_their_breaker_and_what_is_wrong(visitor):
    page = await visitor.get(LIST)
    assert "connection refused" in page.text
    assert '<span class="status bad">open</span>' in page.text


@pytest.mark.parametrize(
    ("override", "wanted"),
    [("FORCED_OPEN", provider_pb2.FORCED_OPEN), ("AUTOMATIC", provider_pb2.AUTOMATIC)],
)
async def test_a_breaker_is_overridden_and_left_to_failures_again(visitor, book, override, wanted):
    answer = await visitor.submit(f"{LIST}/override", {"provider": "smtp", "override": override})
    assert answer.headers["location"] == LIST
    assert book.providers["smtp"].override == wanted
    page = await visitor.get(LIST)
    assert f'value="{override}" aria-pressed="true"' in page.text


async def test_a_provider_is_paused_and_resumed(visitor, book):
    await visitor.submit(f"{LIST}/pause", {"provider": "smtp"})
    assert book.providers["smtp"].paused
    assert "Resume smtp" in (await visitor.get(LIST)).text
    await visitor.submit(f"{LIST}/resume", {"provider": "smtp"})
    assert not book.providers["smtp"].paused


async def test_a_channel_is_paused_with_all_of_its_providers(visitor, book):
    await visitor.submit(f"{LIST}/pause", {"channel": "SMS"})
    assert book.requests[-1].channel == enums_pb2.SMS
    page = await visitor.get(LIST)
    assert "channel paused" in page.text
    assert "Resume SMS" in page.text


async def test_who_may_not_decide_is_told_so_beside_the_providers(visitor, book):
    book.failure = PulseError(Code.PERMISSION_DENIED, "SCOPE_MISSING", "the key lacks administer")
    answer = await visitor.submit(f"{LIST}/pause", {"provider": "smtp"})
    assert answer.status_code == 403
    assert "SCOPE_MISSING" in answer.text


async def test_an_override_that_there_is_not_is_refused(visitor):
    answer = await visitor.submit(f"{LIST}/override", {"provider": "smtp", "override": "WHATEVER"})
    assert answer.status_code == 400
    assert "BAD_CHOICE" in answer.text


async def test_a_page_without_providers_says_so(visitor, book):
    book.providers.clear()
    assert "No provider is configured" in (await visitor.get(LIST)).text
