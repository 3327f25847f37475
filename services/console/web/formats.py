"""How times, lengths and numbers are shown."""

from __future__ import annotations

import datetime as dt

from markupsafe import Markup

from pulse_client.models import Event


def moment(time: dt.datetime | None) -> Markup:
    """A ``time`` element in UTC, which the page's script turns into the reader's own zone; a dash for None."""
    if time is None:
        return Markup('<span class="quiet">–</span>')
    iso = time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(iso, iso, time.strftime("%d %b %H:%M:%S UTC"))


def length(value: dt.timedelta | float | None) -> str:
    """A length of time (a number is seconds) in its one or two largest units, ``2 h 5 min``."""
    if value is None:
        return "–"
    seconds = value.total_seconds() if isinstance(value, dt.timedelta) else value
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{round(seconds, 1):g} s"
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if minutes < 60:
        return _both(minutes, "min", int(seconds) % 60, "s")
    if hours < 48:
        return _both(hours, "h", minutes % 60, "min")
    return _both(days, "d", hours % 24, "h")


def _both(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit}" + (f" {small} {small_unit}" if small else "")


def code_points(text: str) -> str:
    """``U+0142`` of each character, as one may be seen and not told from another."""
    return " ".join(f"U+{ord(sign):04X}" for sign in text)


def number(value: int) -> str:
    """With commas between thousands."""
    return f"{value:,}"


def short_id(notification_id: str) -> str:
    """Enough of a UUIDv7 to tell neighbours apart: its time and its random end."""
    return f"{notification_id[:8]}…{notification_id[-6:]}" if len(notification_id) > 20 else notification_id


def happening(event: Event) -> str:
    """What a timeline's event is called: "attempt 2 ended"."""
    name = words(event.kind)
    return name.replace("attempt", f"attempt {event.attempt}", 1) if event.attempt else name


def words(name: str) -> str:
    """``ATTEMPT_STARTED`` as "attempt started"."""
    return name.replace("_", " ").lower()
