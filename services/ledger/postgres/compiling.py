"""SQLAlchemy Core's statements as psycopg takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

_DIALECT: Any = PGDialect_psycopg()  # type: ignore[no-untyped-call]


class Query(NamedTuple):
    """A statement in psycopg's paramstyle, and its parameters."""

    text: str
    parameters: Mapping[str, Any]

    def with_(self, **parameters: Any) -> Query:
        """The same with these parameters, besides what stands in the statement itself."""
        return Query(self.text, {**self.parameters, **parameters})


def compiled(statement: sa.sql.ClauseElement) -> Query:
    """For psycopg, without a SQLAlchemy connection."""
    done = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return Query(str(done), done.params)
