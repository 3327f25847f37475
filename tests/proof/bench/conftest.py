"""A ledger over a database of the test's own."""

from __future__ import annotations

from tests.ledger.conftest import calls, clock, ledger, migrated_template, migrated_url, settings

__all__ = ["calls", "clock", "ledger", "migrated_template", "migrated_url", "settings"]
