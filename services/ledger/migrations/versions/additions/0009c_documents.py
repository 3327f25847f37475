"""What was asked for, and what a template's version says, each as one document: a marshalled message of the contract.

So a new field of theirs needs no migration. Columns stay for what is searched by. The release before reads and writes
columns alone: this one fills them too, and reads them where there is no document.
"""

from __future__ import annotations

from alembic import op

revision = "0009c"
down_revision = "0009b"
#: Columns that may be empty: the release before goes on as ever.
release = "before"


def upgrade() -> None:
    op.execute("ALTER TABLE notifications ADD COLUMN IF NOT EXISTS asked bytea")
    op.execute("ALTER TABLE template_versions ADD COLUMN IF NOT EXISTS document bytea")
