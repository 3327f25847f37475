"""A template's contents as the renderer takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pulse.common.v1 import template_pb2
from shared.channel.numbers import channel_of
from shared.saying.fields import of_content
from shared.text.rendering import OWN_PARTS, Text


def texts(contents: Sequence[template_pb2.TemplateContent], default_locale: str) -> list[Text]:
    """In the contents' order; without those for channels that are newer than this release.

    A content of strings alone says what the same channel's content in the default language says, with its own strings.
    What it was made into when the template was saved is the content's own.
    """
    read = known_contents(contents)
    if not any(content.strings for content in read):
        return [_text(content, content, None) for content in read]
    own = _in_default_locale(read, default_locale or "en")
    return [_with_strings(content, own.get(content.channel)) for content in read]


def known_contents(contents: Iterable[template_pb2.TemplateContent]) -> list[template_pb2.TemplateContent]:
    """Without those for channels that are newer than this release."""
    return [content for content in contents if not content.channel or channel_of(content.channel)]


def has_strings_alone(content: template_pb2.TemplateContent) -> bool:
    """Whether it leaves to the default language's content what it says."""
    return bool(content.strings) and not any(name not in _NOT_SAID for name in _set(content))


#: What a content of strings alone may have set.
_NOT_SAID = ("channel", "locale", "strings", "compiled")


def _set(content: template_pb2.TemplateContent) -> list[str]:
    return [field.name for field, _ in content.ListFields()]


def _in_default_locale(
    contents: Sequence[template_pb2.TemplateContent], default_locale: str
) -> Mapping[int, template_pb2.TemplateContent]:
    """The contents in the template's own language, by channel."""
    return {
        content.channel: content
        for content in contents
        if (content.locale or default_locale).lower() == default_locale.lower()
    }


def _with_strings(content: template_pb2.TemplateContent, default: template_pb2.TemplateContent | None) -> Text:
    strings = {**default.strings, **content.strings} if default else dict(content.strings)
    says = default if default and has_strings_alone(content) else content
    return _text(content, says, strings)


def _text(
    content: template_pb2.TemplateContent, says: template_pb2.TemplateContent, strings: Mapping[str, str] | None
) -> Text:
    return Text(
        channel_of(content.channel) or "",
        content.locale,
        **{name: getattr(says, name) for name in OWN_PARTS},
        said=of_content(says),
        sender=says.sender,
        strings=strings,
        lacking=tuple(sorted(strings.keys() - content.strings.keys())) if strings else (),
        woven=content.compiled.texts if content.HasField("compiled") else {},
        mjml=says.mjml,
        lacking_fragments=tuple(content.compiled.missing_fragments),
    )
