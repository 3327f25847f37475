"""The nearest of several languages: RFC 4647's look-up, in which a tag loses its subtags from the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def nearest(wanted: Sequence[str], offered: Sequence[str]) -> int | None:
    """Place in ``offered`` of the first tag that any of ``wanted`` finds, in their order; None if none does.

    Tags are BCP 47's, in any case. A wanted "zh-Hant-TW" finds "zh-Hant" before "zh", and never "zh-Hant-HK".
    """
    places = {tag.lower(): place for place, tag in reversed(list(enumerate(offered)))}
    found = (places[tag] for each in wanted for tag in _shortened(each.lower()) if tag in places)
    return next(found, None)


def _shortened(tag: str) -> Iterator[str]:
    """The tag, then ever shorter ones; a single letter goes with what it introduces (RFC 4647, section 3.4)."""
    subtags = tag.split("-")
    while subtags and subtags[0]:
        yield "-".join(subtags)
        subtags.pop()
        if subtags and len(subtags[-1]) == 1:
            subtags.pop()
