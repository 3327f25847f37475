"""What an API key may be allowed to do."""

from __future__ import annotations

#: ``administer`` is for those who run the platform: it reaches beyond the key's own tenant.
SCOPES = frozenset({"send", "read", "templates", "operate", "keys", "administer"})
