"""What a provider can be called: in routes and rates, in operators' requests, and by its own folder."""

from __future__ import annotations

import re

#: One name; without a group, so that it can be part of a larger pattern.
PATTERN = "[a-z0-9_-]{1,64}"

_NAME = re.compile(PATTERN)


def is_name(text: str) -> bool:
    """Whether a provider can be called so."""
    return _NAME.fullmatch(text) is not None
