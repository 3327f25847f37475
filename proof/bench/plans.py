"""What PostgreSQL plans for the statements that a running ledger really sends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import psycopg
from psycopg.adapt import PyFormat, Transformer

_PLACEHOLDER = re.compile(r"%\((\w+)\)s|(%%)")

#: A node of a plan, as EXPLAIN tells it in JSON.
Plan = Mapping[str, Any]


class Statement(NamedTuple):
    """One statement as it was sent: ``options`` are its connection's settings, which decide on plans too."""

    text: str
    parameters: Mapping[str, Any]
    options: str


@contextmanager
def captured() -> Iterator[dict[str, Statement]]:
    """Writes down, by their texts, the statements with parameters that this process sends while the block runs."""
    seen: dict[str, Statement] = {}
    execute = psycopg.AsyncCursor.execute

    async def noting(self: Any, query: Any, params: Any = None, **rest: Any) -> Any:
        if isinstance(query, str) and isinstance(params, Mapping):
            options = self.connection.info.get_parameters().get("options", "")
            seen[query] = Statement(query, dict(params), options)
        return await execute(self, query, params, **rest)

    with patch.object(psycopg.AsyncCursor, "execute", noting):
        yield seen


def explain(url: str, statement: Statement) -> Plan:
    """The plan of a prepared statement whatever its values, on a connection with the same settings."""
    with psycopg.connect(url, options=statement.options, autocommit=True) as connection:
        transformer, values = Transformer(connection), []

        def numbered(found: re.Match[str]) -> str:
            if found[2]:
                return "%"
            value = statement.parameters[found[1]]
            values.append(value)
            oid = transformer.get_dumper(value, PyFormat.TEXT).oid if value is not None else 0
            return f"${len(values)}{_cast(connection, oid)}"

        text = _PLACEHOLDER.sub(numbered, statement.text)
        row = connection.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {text}".encode()).fetchone()
        assert row is not None
        return dict(row[0][0]["Plan"])


def sequential_scans(plan: Plan) -> Iterator[str]:
    """The tables that a plan reads from end to end."""
    if plan["Node Type"].endswith("Seq Scan"):
        yield plan["Relation Name"]
    for inner in plan.get("Plans", ()):
        yield from sequential_scans(inner)


def _cast(connection: psycopg.Connection[Any], oid: int) -> str:
    """What makes a parameter one of a type; what psycopg leaves open is left open here."""
    row = connection.execute("SELECT format_type(%s, NULL)", (oid,)).fetchone() if oid else None
    return f"::{row[0]}" if row else ""
