"""A template, as it is given and as it comes back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from pulse.common.v1 import template_pb2
from pulse_client.enums import Channel, Priority
from pulse_client.fragments.fragment import FragmentPin
from pulse_client.wire import SAID, with_unknown


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
    #: What it says beside these, by the contract's names: ``push={"link": "https://..."}``.
    email: Mapping[str, Any] = field(default_factory=dict)
    push: Mapping[str, Any] = field(default_factory=dict)
    sms: Mapping[str, Any] = field(default_factory=dict)
    whatsapp: Mapping[str, Any] = field(default_factory=dict)
    #: Who it comes from: a registered sender's name.
    sender: str = ""
    #: Whether ``html_body`` is MJML, which is compiled when the template is saved.
    mjml: bool = False
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
    #: The fragments that this version takes in, at the versions that it keeps; Pulse's answer.
    fragments: tuple[FragmentPin, ...] = ()
    #: What a newer gateway said of it besides, and is told again.
    unknown: bytes = field(default=b"", repr=False)

    def keeping(self, stored: Template) -> Template:
        """With what a stored version says beside its texts, wherever it says nothing of it itself, and with what this
        client does not know of it.

        Contents are those of the same channel, as far as it is known, and language.
        """
        kept = {
            (content.channel, content.locale): content
            for content in reversed(stored.contents)
            if not is_of_unknown_channel(content)
        }
        contents = tuple(_keeping(one, kept.get((one.channel, one.locale), one)) for one in self.contents)
        return replace(self, contents=contents, unknown=self.unknown or stored.unknown)


def _keeping(content: TemplateContent, stored: TemplateContent) -> TemplateContent:
    return replace(
        content, **{name: getattr(content, name) or getattr(stored, name) for name in (*SAID, "sender", "unknown")}
    )


def is_of_unknown_channel(content: TemplateContent) -> bool:
    """Whether a newer gateway names its channel, which is UNSPECIFIED here."""
    return bool(template_pb2.TemplateContent.FromString(content.unknown).channel)


def check_unknown(template: Template) -> None:
    """ValueError for one whose ``unknown``, or a content's, was changed outside of this client."""
    with_unknown(template_pb2.Template(), template.unknown)
    for content in template.contents:
        with_unknown(template_pb2.TemplateContent(), content.unknown)


def said_of(content: TemplateContent) -> template_pb2.TemplateContent:
    """A message of what it says beside its texts alone; ValueError for a name or a value that the contract has not."""
    made = template_pb2.TemplateContent()
    for name in SAID:
        given = getattr(content, name)
        try:
            made.MergeFrom(template_pb2.TemplateContent(**({name: given} if given else {})))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: {error}") from None
    return made


#: What of a template, and of a content, is text and bears the contract's name.
TEXTS, CONTENT_TEXTS = (
    tuple(one.name for one in fields(kind) if one.type == "str") for kind in (Template, TemplateContent)
)
#: What of a content is yes or no.
CONTENT_FLAGS = tuple(one.name for one in fields(TemplateContent) if one.type == "bool")
