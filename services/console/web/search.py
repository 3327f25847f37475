"""Search: what a list is narrowed down by, in its page's address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode


@dataclass(frozen=True)
class Search:
    """Filters by name, empty where not given, and the token of the page."""

    filters: Mapping[str, str]
    token: str

    @classmethod
    def of(cls, query: Mapping[str, str], names: Sequence[str]) -> Search:
        """From an address's query; what it does not know it ignores."""
        return cls({name: query.get(name, "").strip() for name in names}, query.get("page", ""))

    def __getitem__(self, name: str) -> str:
        return self.filters[name]

    @property
    def is_narrow(self) -> bool:
        """Whether any filter is set."""
        return any(self.filters.values())

    def query(self, token: str = "") -> str:
        """The query of the page that ``token`` leads to; empty: the first one."""
        given = {**self.filters, "page": token}
        return urlencode({name: value for name, value in given.items() if value})
