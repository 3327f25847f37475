"""Each copy of an email counts in the limits as one more email."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1.asked_pb2 import Copies
from services.router.rules.applicable_limits import ChannelAddress, LimitMatcher
from services.router.rules.limit_book import Configured, LimitBook
from services.router.rules.quota import Kind, WindowLimit
from shared.channel.table import Channel
from tests.router.samples import error_of, submission

TO = [ChannelAddress(Channel.EMAIL, "ada@example.com")]
BOOK = LimitBook(Configured(WindowLimit(10, 60), recipient=WindowLimit(5, 60), tenant=WindowLimit(100, 60)))


def bounds(*copies: str) -> list[tuple[Kind, int, bool]]:
    """Kind, cost and whether a key is given, of each limit that counts."""
    found = LimitMatcher(BOOK).applicable("acme", "news", TO, 1, copies)
    return [(one.kind, one.cost, bool(one.key)) for one in found.bounds]


def test_a_copy_counts_for_the_tenant_and_to_its_address_and_not_for_the_user() -> None:
    own = [(Kind.USER_CHANNEL, 1, False), (Kind.RECIPIENT, 1, False)]
    assert bounds() == [*own, (Kind.TENANT, 1, True)]
    assert bounds("a@example.com", "b@example.com") == [*own, *[(Kind.RECIPIENT, 1, True)] * 2, (Kind.TENANT, 3, True)]


def test_those_without_copies_still_share_one_object() -> None:
    matcher = LimitMatcher(BOOK)
    assert matcher.applicable("acme", "news", TO) is matcher.applicable("acme", "news", TO)
    assert matcher.applicable("acme", "news", TO) is not matcher.applicable("acme", "news", TO, 1, ("a@example.com",))


def test_copies_push_nothing_out_of_what_is_remembered_and_are_not_remembered() -> None:
    matcher = LimitMatcher(BOOK)
    shared = matcher.applicable("acme", "news", TO)
    for number in range(10_001):
        matcher.applicable("acme", "news", TO, 1, (f"{number}@example.com",))
    assert matcher.applicable("acme", "news", TO) is shared
    assert "@example.com" not in str(vars(matcher))


def copied(*copies: str, user: str, to: str) -> Any:
    made = submission(user=user)
    made.asked.to = to
    made.asked.copies.CopyFrom(Copies(cc=copies[:1], bcc=copies[1:]))
    return made


@pytest.mark.parametrize(
    ("limits", "kind"), [({"router_tenant_limit": 5}, "tenant"), ({"router_recipient_limit": 1}, "recipient")]
)
async def test_copies_beyond_a_limit_are_refused_with_their_email(run_router: Any, limits: Any, kind: str) -> None:
    router = await run_router(**limits)
    first = copied("bob@example.com", "joe@example.com", user="u1", to="ada@example.com")
    second = copied("BOB@example.com", "mia@example.com", user="u2", to="eve@example.com")
    (result,) = await router.submit(first)
    assert not result.HasField("error"), result.error
    (result,) = await router.submit(second)
    error = error_of(result)
    assert error.reason and kind in str(error.quotas[0].subject)
    assert "example.com" not in str(error)
