"""Runs the revisions, each in a transaction of its own, on the connection that ``services.ledger.migrate`` hands over.

Without one, their SQL is printed instead.
"""

from __future__ import annotations

from alembic import context

from services.ledger.postgres import tables_of_tenants  # noqa: F401 -- adds its tables to the others
from services.ledger.postgres.tables import metadata

if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=metadata, transaction_per_migration=True)
else:
    context.configure(
        connection=context.config.attributes["connection"], target_metadata=metadata, transaction_per_migration=True
    )
with context.begin_transaction():
    context.run_migrations()
