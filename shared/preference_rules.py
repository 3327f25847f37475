"""What a recipient's preferences and suppressions can be, beyond the contract's own rules for each field."""

from __future__ import annotations

import functools
import zoneinfo
from collections.abc import Sequence

from shared.errors import invalid_field

#: Files beside the zones that name none: the machine's own, the rules of its POSIX strings, and "not said yet".
_NO_ZONES = frozenset({"localtime", "posixrules", "Factory"})


@functools.cache
def _known_zones() -> dict[str, str]:
    """Every zone's name, by the same in lower case."""
    return {name.lower(): name for name in zoneinfo.available_timezones() - _NO_ZONES}


def check_time_zone(name: str) -> None:
    """Raises INVALID_ARGUMENT unless ``name`` is in the IANA database as installed, or empty for UTC."""
    known = _known_zones().get(name.lower(), "")
    if name != known:
        raise invalid_field(
            "preferences.time_zone",
            "TIME_ZONE_UNKNOWN",
            "is not a time zone of the IANA database",
            f"write {known or 'Europe/Berlin, say'}",
        )


def check_quiet_hours(begin: str, end: str) -> None:
    """Raises INVALID_ARGUMENT unless both ends, as "HH:MM", are given and differ, or neither is given."""
    if bool(begin) != bool(end):
        missing = "quiet_until" if begin else "quiet_from"
        raise invalid_field(f"preferences.{missing}", "QUIET_HOURS_HALF", "is required where the other end is given")
    if begin and begin == end:
        raise invalid_field(
            "preferences.quiet_until", "QUIET_HOURS_EMPTY", "is the time at which the quiet hours begin"
        )


def check_choices(choices: Sequence[tuple[str, int]]) -> None:
    """Raises INVALID_ARGUMENT for a category and channel chosen twice: which of them counts would be chance."""
    seen: set[tuple[str, int]] = set()
    for n, choice in enumerate(choices):
        if choice in seen:
            raise invalid_field(
                f"preferences.choices[{n}]", "CHOICE_REPEATED", "is for the category and channel of one before it"
            )
        seen.add(choice)


def check_suppression(channel: int, address: str) -> None:
    """Raises INVALID_ARGUMENT for one that stops nothing."""
    if not channel and not address:
        raise invalid_field("suppression", "SUPPRESSION_OF_NOTHING", "names neither a channel nor an address")
