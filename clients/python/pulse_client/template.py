"""A template, as it is given and as it comes back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from pulse.common.v1 import template_pb2
from pulse_client.enums import Channel, Priority
from pulse_client.wire import with_unknown


@dataclass(frozen=True)
class TemplateContent:
    """What is said by one channel (UNSPECIFIED: any) in one language (empty: the template's default), as Liquid."""

    #: Empty only beside an email's ``html_body``, or where ``strings`` are all that is given.
    body: str = ""
    subject: str = ""
    html_body: str = ""
    channel: Channel = Channel.UNSPECIFIED
    locale: str = ""
    #: Words in this language, for ``{{ strings.greeting }}``.
    strings: Mapping[str, str] = field(default_factory=dict)
    #: What this client does not know of it, and is told again.
    unknown: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Template:
    """A named template at one version. ``version`` to ``update_time`` are Pulse's answer and are not sent.

    With ``digest_window``, notifications of one user and category within so long become one (1 s to 7 days).
    """

    name: str
    channel: Channel
    contents: tuple[TemplateContent, ...]
    priority: Priority = Priority.UNSPECIFIED
    category: str = ""
    default_locale: str = ""
    version: int = 0
    variables: tuple[str, ...] = ()
    create_time: dt.datetime | None = None
    update_time: dt.datetime | None = None
    digest_window: dt.timedelta | None = None
    #: What a newer gateway said of it besides, and is told again.
    unknown: bytes = field(default=b"", repr=False)

    def keeping(self, stored: Template) -> Template:
        """With what this client does not know of a version that is stored, wherever it says nothing of it itself.

        Contents are those of the same channel, as far as it is known, and language.
        """
        kept = {
            (content.channel, content.locale): content.unknown
            for content in reversed(stored.contents)
            if not is_of_unknown_channel(content)
        }
        contents = tuple(
            replace(one, unknown=one.unknown or kept.get((one.channel, one.locale), b"")) for one in self.contents
        )
        return replace(self, contents=contents, unknown=self.unknown or stored.unknown)


def is_of_unknown_channel(content: TemplateContent) -> bool:
    """Whether a newer gateway names its channel, which is UNSPECIFIED here."""
    return bool(template_pb2.TemplateContent.FromString(content.unknown).channel)


def check_unknown(template: Template) -> None:
    """ValueError for one whose ``unknown``, or a content's, was changed outside of this client."""
    with_unknown(template_pb2.Template(), template.unknown)
    for content in template.contents:
        with_unknown(template_pb2.TemplateContent(), content.unknown)


#: What of a template, and of a content, is text and bears the contract's name.
TEXTS, CONTENT_TEXTS = (
    tuple(one.name for one in fields(kind) if one.type == "str") for kind in (Template, TemplateContent)
)
