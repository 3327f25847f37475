"""Whose business a limit is."""

from __future__ import annotations

import re

#: Stands for all tenants where one could be named.
EVERYBODY = "*"
#: Kinds that tenants do not set for themselves: what they share with others, and what costs whoever runs Pulse.
FOR_ADMINISTRATORS = frozenset({"PROVIDER", "FAIR_SHARE", "TENANT", "SMS_PREFIX", "SMS_SPEND"})
#: Kinds that no tenant has for itself.
OF_ALL = frozenset({"PROVIDER"})

_LIMIT_ID = re.compile(r"([a-z][a-z_]{0,31})(:[A-Za-z0-9_.+-]{1,100})?")


def kind_of(limit_id: str) -> str | None:
    """The kind in a limit's id, or None for what cannot be an id."""
    match = _LIMIT_ID.fullmatch(limit_id)
    return match[1].upper() if match else None
