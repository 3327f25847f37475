"""What a browser is told: JSON for the page's service worker, and the headers beside it.

Where it has a title and a link, it is a declarative push message besides (https://w3c.github.io/push-api/), which
browsers that know it show even where no service worker is left.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from typing import Any

from services.delivery.rules.provider import Outgoing
from shared.saying.said import Push
from shared.text.channel_bounds import push_payload

#: Bytes of the JSON: with the 103 by which encryption makes it longer, 4,096, which every push service takes.
LARGEST = 3993
#: As long as push services keep a push, s; RFC 8030 lets them shorten it.
LONGEST_KEPT = 28 * 86_400
#: By which a declarative push message is known.
DECLARATIVE = 8030

_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")


def payload(outgoing: Outgoing) -> bytes:
    """``notification`` is as the Notifications API takes it; a silent push has none."""
    push = outgoing.said.push
    carried = push_payload(outgoing.notification_id, outgoing.subject, outgoing.body, push)
    told: dict[str, Any] = {"data": carried["data"]}
    if "notification" in carried:
        shown = carried["notification"] | _beside(push)
        told["notification"] = shown
        if shown.get("title") and "navigate" in shown:
            told["web_push"] = DECLARATIVE
            if push.mutable_content:
                told["mutable"] = True
    if push.badge is not None:
        told["app_badge"] = push.badge
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _beside(push: Push) -> dict[str, Any]:
    shown = {
        "navigate": push.link if push.link.startswith(("https://", "http://")) else "",
        "icon": push.icon if "/" in push.icon else "",
        "image": push.image,
        "tag": push.collapse_key,
    }
    return {name: value for name, value in shown.items() if value}


def headers(outgoing: Outgoing) -> dict[str, str]:
    """How it travels; what is left of its time to live is counted from now, in whole seconds, none begun."""
    left = LONGEST_KEPT
    if outgoing.ends_at is not None:
        left = max(0, min(int(outgoing.ends_at - time.monotonic()), LONGEST_KEPT))
    told = {"TTL": str(left), "Urgency": "high" if outgoing.urgent else "normal"}
    if key := outgoing.said.push.collapse_key:
        told["Topic"] = key if _TOPIC.fullmatch(key) else _topic_of(key)
    return told


def _topic_of(key: str) -> str:
    """One for a key that is none itself (RFC 8030, section 5.4), the same for the same key."""
    return base64.urlsafe_b64encode(hashlib.sha256(key.encode("utf-8", "replace")).digest())[:32].decode("ascii")
