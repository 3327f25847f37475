"""What a webhook's receiver is told of a notification: JSON in UTF-8."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from services.delivery.rules.provider import Outgoing

#: Longest body, bytes: more than texts of ordinary signs, labels and fields can come to.
LARGEST = 1024 * 1024


def body(outgoing: Outgoing) -> bytes:
    """Texts as a recipient sees them, what was asked for, and what is said beside the texts by this channel."""
    values = {
        "notification_id": outgoing.notification_id,
        "tenant_id": outgoing.tenant_id,
        "attempt": outgoing.attempt,
        "channel": outgoing.channel,
        "to": outgoing.to,
        "subject": outgoing.subject,
        "body": outgoing.body,
        "html_body": outgoing.html_body,
        "unsubscribe_url": outgoing.unsubscribe_url,
        **({"sender": outgoing.sender._asdict()} if outgoing.sender else {}),
        **_asked(outgoing),
        **_said(outgoing),
    }
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _asked(outgoing: Outgoing) -> dict[str, Any]:
    asked, ends = outgoing.asked, outgoing.expires_time
    if asked is None:
        return {}
    return {
        "user_id": asked.user_id,
        "template": asked.template_name,
        "template_version": asked.template_version,
        "category": asked.category,
        "locale": outgoing.locale,
        "metadata": dict(asked.metadata),
        "expires_at": ends.isoformat(timespec="milliseconds").replace("+00:00", "Z") if ends else "",
    }


def _said(outgoing: Outgoing) -> dict[str, Any]:
    """The part that is its channel's, without what is not said."""
    name = outgoing.channel.lower()
    part = getattr(outgoing.said, name, None)
    if part is None:
        return {}
    fields = {key: _plain(value) for key, value in part._asdict().items() if _is_said(value)}
    return {name: fields} if fields else {}


def _is_said(value: Any) -> bool:
    """A number says something even where it is 0."""
    return value is not False and (value == 0 or bool(value))


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value
