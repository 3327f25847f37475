"""The suite that a load is put on."""

from __future__ import annotations

from tests.e2e.conftest import suite

__all__ = ["suite"]
