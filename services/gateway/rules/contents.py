"""A template's contents, checked before they are kept: every mistake is named at its place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from services.gateway.rules import email_rules, push_rules
from services.gateway.rules.addresses import Addresses
from shared.channel.table import Channel
from shared.errors import PulseError, invalid_field, together
from shared.saying import layers
from shared.saying.said import said
from shared.text.rendering import CONTROL, RenderError, Text, is_one_line, variables_in

HTML = "html_body"
#: Most outputs and tags of all texts together.
MAX_MARKUP = 20_000

#: Does a piece of heavy work when its turn has come.
Do = Callable[[Callable[[], frozenset[str]]], Awaitable[frozenset[str]]]


async def check_contents(
    texts: Sequence[Text], *, channel: str, default_locale: str, path: str, do: Do, addresses: Addresses
) -> frozenset[str]:
    """The names that a context must hold. Raises INVALID_ARGUMENT naming all that is wrong with the contents.

    ``channel`` is the template's own, which must find a text; ``path`` names the contents' field. Each text is parsed
    in a turn of its own.
    """
    if _markup(texts) > MAX_MARKUP:
        words = f"hold more than {MAX_MARKUP:,} outputs and tags together"
        raise invalid_field(path, "TEMPLATE_TOO_LARGE", words)
    refusals: list[PulseError] = []
    variables: set[str] = set()
    for n, text in enumerate(texts):
        refusals += _nothing_said(text, f"{path}[{n}].body")
        if text.mjml and not text.html_body:
            refusals.append(
                invalid_field(f"{path}[{n}].{HTML}", "MJML_MISSING", "is empty, and mjml says that it is MJML")
            )
        refusals += [_nul(f"{path}[{n}].strings.{name}") for name, words in text.own_strings() if "\0" in words]
        for part, source in text.parts().items():
            refusals += _characters(part, source, f"{path}[{n}].{part}")
            try:
                variables |= await do(partial(variables_in, part, text))
            except RenderError as error:
                words = error.message.partition(": ")[2] or error.message
                refusals.append(invalid_field(f"{path}[{n}].{part}", error.reason, words))
        refusals += _beside(text, f"{path}[{n}]", addresses)
    refusals += _doubles(texts, default_locale, path)
    if not any(text.channel in ("", channel) for text in texts):
        refusals.append(invalid_field(path, "NO_CONTENT_FOR_CHANNEL", f"holds nothing that can be sent by {channel}"))
    if refusals:
        raise together(refusals)
    return frozenset(variables)


def _markup(texts: Sequence[Text]) -> int:
    sources = [source for text in texts for source in text.parts().values()]
    return sum(source.count("{{") + source.count("{%") for source in sources)


def _characters(part: str, source: str, path: str) -> list[PulseError]:
    refusals = []
    if is_one_line(part) and CONTROL.search(source):
        refusals.append(invalid_field(path, "CONTROL_CHARACTER", "holds a line break or a control character"))
    if "\0" in source:
        refusals.append(_nul(path))
    return refusals


def _nul(path: str) -> PulseError:
    return invalid_field(path, "CONTROL_CHARACTER", "holds a NUL character")


def _nothing_said(text: Text, path: str) -> list[PulseError]:
    channel = Channel.named(text.channel)
    if text.body or (text.html_body and channel and channel.facts.carries_html):
        return []
    hint = "an email may have html_body alone; of strings alone, the default language must say the rest by that channel"
    return [invalid_field(path, "BODY_MISSING", "is empty", hint)]


def _beside(text: Text, path: str, addresses: Addresses) -> list[PulseError]:
    """What is wrong with what it says beside subject and text, whatever the context will hold."""
    refusals = []
    fixed = said(layers.with_texts(text.said, _fixed(dict(layers.texts(text.said)))))
    checks: list[Callable[[], None]] = [
        partial(push_rules.check, fixed.push, f"{path}.push"),
        partial(email_rules.check, fixed.email, addresses, f"{path}.email"),
    ]
    for check in checks:
        try:
            check()
        except PulseError as error:
            refusals.append(error)
    return refusals


def _fixed(sources: Mapping[str, str]) -> Callable[[str], str]:
    """What a text that holds Liquid is taken for, until it is filled in: nothing, and of a header a word."""

    def text(path: str) -> str:
        source = sources[path]
        if "{{" not in source and "{%" not in source:
            return source
        return "x" if path.startswith("email.headers.") else ""

    return text


def _doubles(texts: Sequence[Text], default_locale: str, path: str) -> list[PulseError]:
    """Two texts for one channel and language: which of them is sent would be chance."""
    refusals, seen = [], set()
    for n, text in enumerate(texts):
        key = (text.channel, (text.locale or default_locale or "en").lower())
        if key in seen:
            refusals.append(
                invalid_field(
                    f"{path}[{n}]", "CONTENT_REPEATED", "is for the same channel and language as one before it"
                )
            )
        seen.add(key)
    return refusals
