"""Which parts of a text are in sight: those that its channel carries, and those that something stands in."""

from __future__ import annotations

from shared.channel.table import Channel, Heading


def part_styles() -> str:
    """A rule for each channel, for the page's style sheet. A text for any channel shows all."""
    return "".join(_rule(channel) for channel in Channel)


def _rule(channel: Channel) -> str:
    # A heading that was typed stays in sight, as it would be saved.
    carried = [f".of-{channel.lower()}", ".of-heading:not(:has(> :placeholder-shown))"]
    if channel.facts.carries_html:
        carried.append(".of-html")
    if channel.facts.heading is not Heading.NONE:
        carried.append(".of-heading")
    chosen = f'.text:has(> .fields option[value="{channel}"]:checked)'
    return f"{chosen} > .of:not(.filled, {', '.join(carried)}) {{ display: none; }}\n"
