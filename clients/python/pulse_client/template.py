"""A template, as it is given and as it comes back."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields

from pulse_client.enums import Channel, Priority


@dataclass(frozen=True)
class TemplateContent:
    """What is said by one channel (UNSPECIFIED: any) in one language (empty: the template's default), as Liquid."""

    body: str
    subject: str = ""
    html_body: str = ""
    channel: Channel = Channel.UNSPECIFIED
    locale: str = ""


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


#: What of a template, and of a content, is text and bears the contract's name.
TEXTS, CONTENT_TEXTS = (
    tuple(field.name for field in fields(kind) if field.type == "str") for kind in (Template, TemplateContent)
)
