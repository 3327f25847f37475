"""A push as FCM's own library describes it: one message with a part for each kind of device.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
"""

from __future__ import annotations

import re
import time
from typing import Any

from firebase_admin import messaging

from services.delivery.rules.provider import Outgoing
from shared.saying.said import Push
from shared.text.channel_bounds import push_payload

#: As long as FCM keeps a push, s: it refuses a longer time to live.
LONGEST_KEPT = 28 * 86_400
#: What a web push's Topic may be (RFC 8030, section 5.4); another collapse key has none there.
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")


def push_message(outgoing: Outgoing) -> messaging.Message:
    """The push to one device. What is left of its time to live is counted from now."""
    push, left = outgoing.said.push, _seconds_left(outgoing)
    payload = push_payload(outgoing.notification_id, outgoing.subject, outgoing.body, push)
    shown = payload.get("notification")
    made = messaging.Message(
        data=payload["data"],
        notification=messaging.Notification(**shown, image=push.image or None) if shown else None,
        android=_android(push, left, urgent=outgoing.urgent),
        apns=_apns(push, left, urgent=outgoing.urgent),
        webpush=_webpush(push, left, urgent=outgoing.urgent),
        fcm_options=messaging.FCMOptions(analytics_label=push.analytics_label) if push.analytics_label else None,
    )
    # The constructor warns at every call that tokens give way to installation ids, which callers do not have.
    made.token = outgoing.to
    return made


def _seconds_left(outgoing: Outgoing) -> int | None:
    """Whole seconds, none begun: nobody is shown it late. None: it does not expire."""
    return None if outgoing.ends_at is None else max(0, int(outgoing.ends_at - time.monotonic()))


def _android(push: Push, left: int | None, *, urgent: bool) -> messaging.AndroidConfig:
    shown = {
        "icon": push.icon if push.icon and "/" not in push.icon else None,
        "sound": push.sound or None,
        "tag": push.collapse_key or None,
        "channel_id": push.channel_id or None,
        "click_action": push.category or None,
        "notification_count": push.badge,
    }
    notification = None
    if not push.silent and any(value is not None for value in shown.values()):
        notification = messaging.AndroidNotification(**shown)
    return messaging.AndroidConfig(
        priority="high" if urgent else "normal",
        ttl=None if left is None else min(left, LONGEST_KEPT),
        collapse_key=push.collapse_key or None,
        notification=notification,
    )


def _apns(push: Push, left: int | None, *, urgent: bool) -> messaging.APNSConfig:
    # Apple refuses a background push of any other priority.
    headers = {"apns-priority": "10" if urgent and not push.silent else "5"}
    if push.silent:
        headers["apns-push-type"] = "background"
    if left is not None:
        headers["apns-expiration"] = str(int(time.time()) + left)
    if push.collapse_key:
        headers["apns-collapse-id"] = push.collapse_key
    aps: dict[str, Any] = {"content_available": True} if push.silent else _shown_by_apple(push)
    payload = None
    if any(value is not None for value in aps.values()):
        payload = messaging.APNSPayload(messaging.Aps(**aps))
    options = messaging.APNSFCMOptions(image=push.image) if push.image and not push.silent else None
    return messaging.APNSConfig(headers=headers, payload=payload, fcm_options=options)


def _shown_by_apple(push: Push) -> dict[str, Any]:
    """Of a silent push nothing: Apple takes it for one only then."""
    return {
        "badge": push.badge,
        "sound": push.sound or None,
        "category": push.category or None,
        # A picture is fetched by the app's extension, which is only asked where it may change something.
        "mutable_content": push.mutable_content or bool(push.image) or None,
    }


def _webpush(push: Push, left: int | None, *, urgent: bool) -> messaging.WebpushConfig:
    headers = {"Urgency": "high" if urgent else "normal"}
    if left is not None:
        headers["TTL"] = str(min(left, LONGEST_KEPT))
    if _TOPIC.fullmatch(push.collapse_key):
        headers["Topic"] = push.collapse_key
    icon = push.icon if "/" in push.icon else None
    shown = {"icon": icon, "image": push.image or None, "tag": push.collapse_key or None}
    notification = None
    if not push.silent and any(shown.values()):
        notification = messaging.WebpushNotification(**shown)
    options = None
    if push.link.startswith("https://"):  # FCM takes no other here
        options = messaging.WebpushFCMOptions(link=push.link)
    return messaging.WebpushConfig(headers=headers, notification=notification, fcm_options=options)
