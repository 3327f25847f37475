"""What FCM takes in a message beside whom it is for.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from services.sandbox.providers.fcm.fcm_errors import invalid

#: Bytes of notification and data together, and of what one platform is sent beside them.
LARGEST_PAYLOAD = 4096
#: As long as a push is kept, s.
LONGEST_KEPT = 28 * 86_400

_LABEL = re.compile(r"[a-zA-Z0-9-_.~%]{1,50}")
_TTL = re.compile(r"(\d{1,9})(?:\.\d{1,9})?s")
#: Each part's fields, which are objects or text; what else stands in a message has no such name.
_PARTS: Mapping[str, frozenset[str]] = {
    "message": frozenset(
        {"name", "token", "fid", "topic", "condition", "data", "notification", "android", "apns", "webpush",
         "fcm_options"}
    ),
    "notification": frozenset({"title", "body", "image"}),
    "android": frozenset(
        {"collapse_key", "priority", "ttl", "restricted_package_name", "data", "notification", "fcm_options",
         "direct_boot_ok", "bandwidth_constrained_ok", "restricted_satellite_ok"}
    ),
    "apns": frozenset({"headers", "payload", "fcm_options", "live_activity_token"}),
    "webpush": frozenset({"headers", "data", "notification", "fcm_options"}),
    "fcm_options": frozenset({"analytics_label"}),
}  # fmt: skip
_PATTERNS = {
    ("android", "priority"): re.compile("(?i)high|normal"),
    ("apns.headers", "apns-priority"): re.compile("1|5|10"),
    ("apns.headers", "apns-push-type"): re.compile("alert|background"),
    ("apns.headers", "apns-expiration"): re.compile(r"\d{1,10}"),
    ("apns.headers", "apns-collapse-id"): re.compile(r"[\x20-\x7e]{1,64}"),
    ("webpush.headers", "Urgency"): re.compile("very-low|low|normal|high"),
    ("webpush.headers", "TTL"): re.compile(r"\d{1,9}"),
    ("webpush.headers", "Topic"): re.compile(r"[A-Za-z0-9_-]{1,32}"),
    ("webpush.fcm_options", "link"): re.compile("https://.+"),
    ("fcm_options", "analytics_label"): _LABEL,
}


def mistake(push: dict[str, Any]) -> Response | None:
    """The refusal that the first thing wrong asks for, None if it will do."""
    return _of_shape(push) or _of_data(push) or _of_values(push) or _of_a_silent_one(push) or _of_size(push)


def _of_shape(push: dict[str, Any]) -> Response | None:
    for part, known in _PARTS.items():
        found = push if part == "message" else push.get(part, {})
        if not isinstance(found, dict):
            return invalid(f"message.{part}", "Must be an object.")
        for name in found.keys() - known:
            return invalid(f"message.{part}", f'Unknown name "{name[:40]}": Cannot find field.')
    for path in ("data", "notification", "apns.headers", "webpush.headers", "fcm_options", "webpush.fcm_options"):
        if not isinstance(_at(push, path), dict) or not all(isinstance(one, str) for one in _at(push, path).values()):
            return invalid(f"message.{path}", "Must be an object whose values are text.")
    for path in ("android.notification", "apns.payload", "apns.payload.aps", "webpush.notification"):
        if not isinstance(_at(push, path), dict):
            return invalid(f"message.{path}", "Must be an object.")
    return None


def _of_data(push: dict[str, Any]) -> Response | None:
    for key in push.get("data", {}):
        if key in ("from", "message_type") or key.startswith(("google", "gcm")):
            return invalid("message.data", f"Invalid data payload key: {key[:40]}")
    return None


def _of_values(push: dict[str, Any]) -> Response | None:
    for (path, name), pattern in _PATTERNS.items():
        value = _at(push, path).get(name)
        if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
            return invalid(f"message.{path}.{name}", "Invalid value.")
    ttl = _at(push, "android").get("ttl")
    if ttl is not None and not ((kept := _TTL.fullmatch(str(ttl))) and int(kept[1]) <= LONGEST_KEPT):
        return invalid("message.android.ttl", "Invalid TTL: 0 s to four weeks.")
    return None


def _of_a_silent_one(push: dict[str, Any]) -> Response | None:
    """Apple refuses a push in the background that is urgent, or that shows anything."""
    headers, aps = _at(push, "apns.headers"), _at(push, "apns.payload.aps")
    if headers.get("apns-push-type") != "background":
        return None
    if headers.get("apns-priority") == "10":
        return invalid("message.apns.headers", "A background push has priority 5.")
    if aps.get("content-available") != 1 or aps.keys() & {"alert", "badge", "sound"} or "notification" in push:
        return invalid("message.apns.payload.aps", "A background push has content-available and shows nothing.")
    return None


def _of_size(push: dict[str, Any]) -> Response | None:
    whole = {name: push[name] for name in ("data", "notification") if name in push}
    parts = [_at(push, path) for path in ("android.notification", "apns.payload", "webpush.notification")]
    if max(map(_bytes, (whole, *parts))) > LARGEST_PAYLOAD:
        return invalid("message", f"Message is too big: notification and data have at most {LARGEST_PAYLOAD} bytes.")
    return None


def _bytes(part: Any) -> int:
    return len(json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def _at(push: dict[str, Any], path: str) -> Any:
    """What stands at a path; an empty object where there is nothing, or no object on the way."""
    found: Any = push
    for name in path.split("."):
        found = found.get(name, {}) if isinstance(found, dict) else {}
    return found
