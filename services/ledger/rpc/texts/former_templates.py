"""Templates in the columns of the release before, which has no documents.

In this release its ledgers may still serve beside this one's: so the columns are written with each document, and read
where there is none. This module and the columns go in the next release, once their rows have documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulse.common.v1 import template_pb2
from services.ledger.rpc.wire_enums import FROM_PRIORITY, TO_PRIORITY, channel_asked, number
from services.ledger.rules.delivery import Lane
from shared.channel.numbers import number_of
from shared.channel.table import Channel
from shared.times import from_duration, to_duration

_TEXTS = ("subject", "body", "html_body")


def columns(message: template_pb2.Template) -> dict[str, Any]:
    """The row of the release before, but for its key and channel. INVALID_ARGUMENT for an unknown channel."""
    contents = [
        {
            "channel": channel_asked(content.channel, f"template.contents[{place}].channel") or "",
            "locale": content.locale,
            **{part: content.compiled.texts.get(part, getattr(content, part)) for part in _TEXTS},
        }
        for place, content in enumerate(message.contents)
    ]
    return {
        "priority": FROM_PRIORITY.get(message.priority),
        "category": message.category,
        "default_locale": message.default_locale,
        "contents": contents,
        "variables": [*message.variables],
        "digest_seconds": from_duration(message.digest_window),
    }


def message(row: Mapping[str, Any]) -> template_pb2.Template:
    """What such a row, which has its channel too, says."""
    return template_pb2.Template(
        channel=number_of(Channel.read(row["channel"])),
        priority=number(TO_PRIORITY, row["priority"] and Lane.read(row["priority"])),
        category=row["category"],
        default_locale=row["default_locale"],
        contents=[content for one in row["contents"] if (content := _content(one)) is not None],
        variables=row["variables"],
        digest_window=to_duration(row["digest_seconds"]) if row["digest_seconds"] else None,
    )


def _content(content: Mapping[str, str]) -> template_pb2.TemplateContent | None:
    """None for one of a channel that this release does not know: without its channel it would be for every one."""
    channel = Channel.named(content["channel"])
    if content["channel"] and channel is None:
        return None
    return template_pb2.TemplateContent(
        channel=number_of(channel),
        locale=content["locale"],
        subject=content["subject"],
        body=content["body"],
        html_body=content["html_body"],
    )
