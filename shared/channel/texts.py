"""A template's contents as the renderer takes them."""

from __future__ import annotations

from collections.abc import Iterable

from pulse.common.v1 import template_pb2
from shared.channel.numbers import channel_of
from shared.saying.fields import of_content
from shared.text.rendering import OWN_PARTS, Text

#: What a text and a content have under the same names.
_SAME = ("locale", *OWN_PARTS)


def texts(contents: Iterable[template_pb2.TemplateContent]) -> list[Text]:
    """Without those for channels that are newer than this release."""
    return [
        Text(
            channel_of(content.channel) or "",
            **{name: getattr(content, name) for name in _SAME},
            said=of_content(content),
        )
        for content in contents
        if not content.channel or channel_of(content.channel)
    ]
