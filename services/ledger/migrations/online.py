"""Changes of big tables while they are in use.

A statement that needs a table to itself waits for everybody who has it, and everybody who comes later waits behind it.
So such a statement is short (``services.ledger.migrate`` bounds its wait and tries again), and what takes long is done
without that lock. Each step may be done twice: a revision that was broken off begins again.
"""

from __future__ import annotations

from alembic import op

_PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = '{0}'::regclass"
# Partitions whose part of an index is attached; one that was broken off is not.
_INDEXED = """
SELECT i.indrelid::regclass::text FROM pg_inherits h JOIN pg_index i ON i.indexrelid = h.inhrelid
WHERE h.inhparent = '{0}'::regclass AND i.indisvalid
"""

_BROKEN_OFF = "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('{0}') AND NOT indisvalid)"


def create_index(table: str, name: str, definition: str) -> None:
    """An index of a partitioned table, made partition by partition without holding up those who write.

    PostgreSQL cannot do that for the whole table at once
    (https://www.postgresql.org/docs/current/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE).
    SQL that is only printed names the default partition alone, and deletes no part of which the making was broken off:
    which there are, only the database knows.
    """
    op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY {table} {definition}")
    with op.get_context().autocommit_block():
        for partition in _without(table, name):
            own = partition + name.removeprefix(table)
            if not op.get_context().as_sql:
                op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {own}")
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {own} ON {partition} {definition}")
            op.execute(f"ALTER INDEX {name} ATTACH PARTITION {own}")


def create_plain_index(name: str, definition: str) -> None:
    """An index of a table that has no partitions, likewise. One that is there and whole stays."""
    with op.get_context().autocommit_block():
        if _is_broken_off(name):
            op.execute(f"DROP INDEX CONCURRENTLY {name}")
        op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {definition}")


def in_batches(statement: str) -> None:
    """Repeats a statement that changes some rows until it finds none; each time is a transaction of its own."""
    with op.get_context().autocommit_block():
        op.execute(f"DO $$ BEGIN LOOP {statement}; EXIT WHEN NOT FOUND; COMMIT; END LOOP; END $$")


def _without(table: str, index: str) -> list[str]:
    if op.get_context().as_sql:
        return [f"{table}_default"]
    connection = op.get_bind()
    done = set(connection.exec_driver_sql(_INDEXED.format(index)).scalars())
    return sorted(set(connection.exec_driver_sql(_PARTITIONS.format(table)).scalars()) - done)


def _is_broken_off(index: str) -> bool:
    """Whether an index is there of which the making did not come to its end."""
    context = op.get_context()
    return not context.as_sql and bool(op.get_bind().exec_driver_sql(_BROKEN_OFF.format(index)).scalar())
