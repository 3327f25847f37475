"""Runs the revisions on the connection that ``services.ledger.migrate`` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from services.ledger.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
