"""Writes the tables of docs/configuration.md from the settings classes, so that neither can forget the other.

Usage: settings_doc.py [--check]     (--check changes nothing and fails if the page is not current)
"""

from __future__ import annotations

import importlib
import pathlib
import sys
from collections.abc import Iterator

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from shared.config import PREFIX, Settings

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "configuration.md"
BEGIN, END = "<!-- settings begin -->\n", "<!-- settings end -->\n"
ROLES = {
    "Every role": ("shared.config", "Settings"),
    "Gateway": ("services.gateway.config", "GatewaySettings"),
    "Router": ("services.router.config", "RouterSettings"),
    "Ledger": ("services.ledger.config", "LedgerSettings"),
    "Delivery and workers": ("services.delivery.config", "DeliverySettings"),
    "Console": ("services.console.config", "ConsoleSettings"),
    "Sandbox": ("services.sandbox.config", "SandboxSettings"),
    "`pulse up`": ("services.local.config", "LocalSettings"),
    "`pulse` on the command line": ("services.cli.config", "CliSettings"),
}


def tables() -> Iterator[str]:
    """One table a role; a role's table leaves out what every role knows."""
    for title, (module, name) in ROLES.items():
        settings: type[Settings] = getattr(importlib.import_module(module), name)
        common = {} if settings is Settings else Settings.model_fields
        rows = [row(key, field) for key, field in settings.model_fields.items() if key not in common]
        yield f"### {title}\n\n| Key | Default | What |\n|---|---|---|\n" + "".join(rows) + "\n"


def row(name: str, field: FieldInfo) -> str:
    """One line of a table."""
    default = field.get_default(call_default_factory=True)
    shown = default.get_secret_value() if isinstance(default, SecretStr) else default
    text = f"`{shown}`" if shown not in ("", None) else ""
    return f"| `{PREFIX}{name.upper()}` | {text} | {(field.description or '').replace('|', 'or')} |\n"


def main() -> None:
    page = PAGE.read_text()
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    fresh = head + BEGIN + "\n" + "".join(tables()) + END + tail
    if "--check" not in sys.argv:
        PAGE.write_text(fresh)
    elif fresh != page:
        sys.exit("docs/configuration.md is not current: run tools/settings_doc.py")


if __name__ == "__main__":
    main()
