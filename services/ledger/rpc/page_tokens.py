"""Page tokens as callers get and bring them."""

from __future__ import annotations

from services.ledger.stores import paging
from services.ledger.stores.paging import AnyFilter, BadToken
from shared.errors import Code, PulseError


def last(token: str, wanted: AnyFilter) -> str:
    """What the page before ended with; empty for the first. Raises INVALID_ARGUMENT for a token of other filters."""
    try:
        return paging.last(token, wanted)
    except BadToken:
        raise PulseError(
            Code.INVALID_ARGUMENT,
            "INVALID_PAGE_TOKEN",
            "the page token was not given out for these filters",
            hint="pass next_page_token of the last page, with the same filters; or none, to begin again",
        ) from None
