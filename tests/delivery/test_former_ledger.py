"""A worker in front of a ledger of the release before."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1.asked_pb2 import Asked
from pulse.ledger.v1.records_pb2 import ClaimedNotification, NotificationRef
from services.delivery import wire
from services.delivery.rules.provider_view import NONE_AVOIDED
from shared.observe.tracing import OFF

ASKED: dict[str, Any] = {
    "user_id": "ada",
    "subject": "Hi",
    "context_json": '{"name":"Ada"}',
    "template_name": "news",
    "template_version": 3,
    "locale": "de",
    "category": "security",
}


@pytest.mark.parametrize("said", [ASKED, {"asked": Asked(**ASKED)}], ids=["the release before", "this one"])
def test_a_claim_reads_the_same_in_both_forms(said: dict[str, Any]) -> None:
    claimed = ClaimedNotification(
        ref=NotificationRef(tenant_id="acme", notification_id="1"), channel=1, to="a@b.example", **said
    )
    claim = wire.claim(claimed, 12.0, 0.0, OFF.start("deliver", ""))
    assert {name: getattr(claim.asked, name) for name in ASKED} == ASKED
    assert (claim.channel, claim.to) == ("EMAIL", "a@b.example")


def test_a_worker_says_which_form_it_reads() -> None:
    assert wire.claim_request("w", 12.0, [("acme", "1")], NONE_AVOIDED).reads_asked
