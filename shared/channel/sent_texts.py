"""A text as its channel sends it: what is counted at acceptance is what workers send. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import escape

from shared.channel.table import Channel
from shared.saying.said import Attachment, Said
from shared.text.transliteration import transliterated


def body_of(channel: Channel | None, body: str, said: Said) -> str:
    """``body`` with the links to files that are not said yet, a line each behind it.

    It is in the letters of the short alphabet where that is said of what goes in segments.
    """
    links = [f"{one.filename}: {one.url}" for one in _unsaid(body, said)]
    if links:
        body = "\n".join([body.rstrip() + "\n", *links]) if body.strip() else "\n".join(links)
    if not said.sms.transliterate or channel is None or not channel.facts.in_segments:
        return body
    return transliterated(body)


def html_of(html: str, said: Said) -> str:
    """A mail's HTML with the links to files that are not said in it yet, in a list at its end."""
    links = [f'<li><a href="{escape(one.url)}">{escape(one.filename)}</a></li>' for one in _unsaid(html, said)]
    if not (html and links):
        return html
    end = html.lower().rfind("</body")
    end = len(html) if end < 0 else end
    return f"{html[:end]}<ul>{''.join(links)}</ul>{html[end:]}"


def _unsaid(text: str, said: Said) -> Iterator[Attachment]:
    """The files that go as links, whose links neither the text nor the push holds."""
    for one in said.attachments:
        if one.url and one.url not in text and one.url != said.push.link and one.url not in said.push.data.values():
            yield one
