"""What APNs takes in a request beside whom it is for and who asks.

https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

#: Bytes of the JSON.
LARGEST = 4096

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TYPES = frozenset(
    {"alert", "background", "location", "voip", "complication", "fileprovider", "mdm", "liveactivity", "pushtotalk"}
)


def mistake_in_headers(headers: Mapping[str, str]) -> str:
    """Apple's reason for a refusal; empty: they will do."""
    topic = headers.get("apns-topic", "")
    if not topic:
        return "MissingTopic"
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,255}", topic):
        return "BadTopic"
    if headers.get("apns-push-type") not in _TYPES:
        return "InvalidPushType"
    if headers.get("apns-priority", "10") not in ("1", "5", "10"):
        return "BadPriority"
    if headers.get("apns-push-type") == "background" and headers.get("apns-priority", "10") == "10":
        return "BadPriority"
    if not re.fullmatch(r"\d{1,10}", headers.get("apns-expiration", "0")):
        return "BadExpirationDate"
    if len(headers.get("apns-collapse-id", "").encode()) > 64:
        return "BadCollapseId"
    if not _UUID.fullmatch(headers.get("apns-id", "0" * 8 + "-0000" * 3 + "-" + "0" * 12)):
        return "BadMessageId"
    return ""


def read(body: bytes) -> dict[str, Any] | None:
    """The JSON with its ``aps``; None: it is none."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) and isinstance(given.get("aps"), dict) else None


def texts(payload: Mapping[str, Any]) -> tuple[str, str]:
    """Title and text as a device shows them; empty for what shows nothing."""
    alert = payload["aps"].get("alert", "")
    if isinstance(alert, dict):
        return str(alert.get("title", "")), str(alert.get("body", ""))
    return "", str(alert)
