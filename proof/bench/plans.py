"""What PostgreSQL plans for the statements that a running ledger really sends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
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
    """The plan of a statement, prepared as psycopg prepares it, on a connection with the same settings."""
    with psycopg.connect(url, options=statement.options, autocommit=True) as connection:
        values: list[Any] = []
        text = _PLACEHOLDER.sub(lambda found: _numbered(found, statement.parameters, values), statement.text)
        transformer = Transformer(connection)
        dumpers = [None if value is None else transformer.get_dumper(value, PyFormat.TEXT) for value in values]
        types = [_type(connection, dumper.oid if dumper else 0) for dumper in dumpers]
        literals = [
            _literal(dumper.dump(value)) if dumper else "NULL" for dumper, value in zip(dumpers, values, strict=True)
        ]
        connection.execute(f"PREPARE hot{_list(types)} AS {text}".encode())
        row = connection.execute(f"EXPLAIN (FORMAT JSON) EXECUTE hot{_list(literals)}".encode()).fetchone()
        assert row is not None
        return dict(row[0][0]["Plan"])


def sequential_scans(plan: Plan) -> Iterator[str]:
    """The tables that a plan reads from end to end."""
    if plan["Node Type"].endswith("Seq Scan"):
        yield plan["Relation Name"]
    for inner in plan.get("Plans", ()):
        yield from sequential_scans(inner)


def _numbered(found: re.Match[str], parameters: Mapping[str, Any], values: list[Any]) -> str:
    if found[2]:
        return "%"
    values.append(parameters[found[1]])
    return f"${len(values)}"


def _type(connection: psycopg.Connection[Any], oid: int) -> str:
    """A type's name; what psycopg leaves open is left open here."""
    row = connection.execute("SELECT format_type(%s, NULL)", (oid,)).fetchone() if oid else None
    return str(row[0]) if row else "unknown"


def _literal(dumped: Any) -> str:
    text = "" if dumped is None else bytes(dumped).decode().replace("'", "''")
    return f"'{text}'"


def _list(texts: Sequence[str]) -> str:
    return f"({', '.join(texts)})" if texts else ""
