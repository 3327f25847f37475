"""Whose business a limit is."""

from __future__ import annotations

import re

#: Stands for all tenants where one could be named.
EVERYBODY = "*"
#: Kinds that tenants set for themselves. The others are for administrators: what tenants share, what costs whoever runs
#: Pulse, and what only another release knows.
FOR_TENANTS = frozenset({"USER_CHANNEL", "RECIPIENT"})
#: Kinds that no tenant has for itself.
OF_ALL = frozenset({"PROVIDER"})

_LIMIT_ID = re.compile(r"([a-z][a-z_]{0,31})(:[A-Za-z0-9_.+-]{1,100})?")


def kind_of(limit_id: str) -> str | None:
    """The kind in a limit's id, or None for what cannot be an id."""
    match = _LIMIT_ID.fullmatch(limit_id)
    return match[1].upper() if match else None
