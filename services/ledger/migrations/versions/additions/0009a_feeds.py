"""Keys and limits know at which revision they changed, so that who keeps them all is told only what is new.

PostgreSQL counts the changes, so that those of a release before count too. A limit that is deleted stays as a row that
says so: else nobody could be told.
"""

from __future__ import annotations

from alembic import op

from services.ledger.migrations import online

revision = "0009a"
down_revision = "0009"
#: Columns with defaults, and a trigger: the release before goes on as ever.
release = "before"

_SUBJECTS = {"api_keys": "keys", "limits": "limits"}

# Changes wait for each other at the row of revisions until they are committed: whoever reads a revision can read all
# that led to it.
_COUNT = """
CREATE OR REPLACE FUNCTION pulse_count_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO revisions AS r (subject, revision) VALUES (TG_ARGV[0], 1)
    ON CONFLICT (subject) DO UPDATE SET revision = r.revision + 1
    RETURNING revision INTO NEW.revision; RETURN NEW; END $$
"""


def upgrade() -> None:
    op.execute("ALTER TABLE limits ADD COLUMN IF NOT EXISTS deleted_at timestamptz")
    op.execute(_COUNT)
    for table, subject in _SUBJECTS.items():
        op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS revision bigint NOT NULL DEFAULT 0")
        op.execute(
            f"CREATE OR REPLACE TRIGGER {table}_count_change BEFORE INSERT OR UPDATE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION pulse_count_change('{subject}')"
        )
    # To whom all rows are shown, also where row-level security holds for the owner.
    op.execute("SET LOCAL ROLE pulse_platform")
    for table in _SUBJECTS:
        # Gives each a revision of its own, as a page of what changed ends between two of them.
        op.execute(f"UPDATE {table} SET revision = 0 WHERE revision = 0")  # noqa: S608 -- made of constants
    op.execute("RESET ROLE")
    for table in _SUBJECTS:
        online.create_plain_index(f"{table}_revision_idx", f"{table} (revision)")
