"""The roles that the ledger works as: neither owns anything, and neither passes by a policy."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
#: Roles and what they are granted: whoever does not know them is not disturbed.
release = "before"

_TABLES = (
    "notifications, deliveries, events, idempotency_keys, templates, template_versions, preferences, suppressions, "
    "device_tokens, digests, provider_states, provider_controls, limits, revisions, api_keys"
)

# Roles belong to all databases of a server, so another database's migration may make them at the same moment.
_ROLE = "DO $$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"

# Who migrates may work as either, so that one login is enough where nothing else is wanted (docs/kubernetes.md).
_MEMBER = (
    "DO $$ BEGIN IF NOT pg_has_role(current_user, '{role}', 'MEMBER') THEN "
    "EXECUTE format('GRANT {role} TO %I', current_user); END IF; "
    "EXCEPTION WHEN unique_violation THEN NULL; END $$"
)


def upgrade() -> None:
    # Whoever serves looks at start whether the schema is new enough, by whatever login.
    op.execute("GRANT SELECT ON alembic_version TO PUBLIC")
    for role in ("pulse_app", "pulse_platform"):
        op.execute(_ROLE.format(role=role))
        op.execute(_MEMBER.format(role=role))
        op.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
        # The parents alone: a policy of theirs holds for what is reached through them, and partitions have none.
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_TABLES} TO {role}")
