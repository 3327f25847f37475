"""A push as Apple's devices read it: the JSON, and the headers beside it.

https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification
"""

from __future__ import annotations

import json
import time
from typing import Any

from services.delivery.rules.provider import Outgoing
from shared.saying.said import Push
from shared.text.channel_bounds import push_payload

#: Bytes of the JSON.
LARGEST = 4096


def payload(outgoing: Outgoing) -> bytes:
    """What is shown stands in ``aps``, what is for the app beside it."""
    push = outgoing.said.push
    carried = push_payload(outgoing.notification_id, outgoing.subject, outgoing.body, push)
    own = dict(carried["data"])
    if push.image and not push.silent:
        own.setdefault("image", push.image)  # for the app's extension, which fetches it
    aps = {"content-available": 1} if push.silent else _shown(push, carried["notification"])
    whole = {**own, "aps": aps}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _shown(push: Push, alert: dict[str, str]) -> dict[str, Any]:
    aps: dict[str, Any] = {"alert": alert}
    if push.badge is not None:
        aps["badge"] = push.badge
    if push.sound:
        aps["sound"] = push.sound
    if push.category:
        aps["category"] = push.category
    if push.mutable_content or push.image:
        aps["mutable-content"] = 1
    return aps


def headers(outgoing: Outgoing) -> dict[str, str]:
    """How it travels; what is left of its time to live is counted from now, in whole seconds, none begun."""
    push = outgoing.said.push
    told = {
        "apns-push-type": "background" if push.silent else "alert",
        # Apple refuses a background push of any other priority.
        "apns-priority": "10" if outgoing.urgent and not push.silent else "5",
    }
    if outgoing.ends_at is not None:
        left = max(0, int(outgoing.ends_at - time.monotonic()))
        told["apns-expiration"] = str(int(time.time()) + left)
    if collapse_id := push.collapse_key.strip():
        told["apns-collapse-id"] = collapse_id
    return told
