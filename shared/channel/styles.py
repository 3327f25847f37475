"""How channels are drawn on Pulse's pages: a style sheet made from their entries."""

from __future__ import annotations

from shared.channel.table import Channel


def style_sheet() -> str:
    """A variable with each channel's colour (``--email``), and a rule for its name (``.channel.email``)."""
    names = [(channel.lower(), *channel.facts.colours) for channel in Channel]
    variables = "".join(f"  --{name}: light-dark({light}, {dark});\n" for name, light, dark in names)
    rules = "".join(f".channel.{name} {{ color: var(--{name}); }}\n" for name, _, _ in names)
    return f":root {{\n{variables}}}\n{rules}"
