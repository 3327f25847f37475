"""The feed: events know the transaction that recorded them, and what happens beside notifications is kept too."""

from __future__ import annotations

from alembic import op

from services.ledger.migrations import online

revision = "0009i"
down_revision = "0009h"
#: A column with a default, a table and triggers: what the release before records is told too.
release = "before"

# In a database that was restored, a base is added to it (services.ledger.schema.feed_base).
_NUMBER = "(pg_current_xact_id()::text)::bigint"
_MINE = "(SELECT nullif(current_setting('pulse.tenants', true), '')::jsonb) -> tenant_id IS NOT NULL"

# By triggers, as both are recorded in several places.
_SUPPRESSED = """
CREATE OR REPLACE FUNCTION pulse_tell_suppression() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO tenant_events (tenant_id, event_id, recorded_at, type, data)
    VALUES (NEW.tenant_id, gen_random_uuid(), NEW.created_at, 'suppression.created', json_build_object(
        'user_id', NEW.user_id, 'suppression', json_build_object(
            'suppression_id', NEW.suppression_id, 'user_id', NEW.user_id, 'channel', NEW.channel,
            'address', NEW.address, 'category', NEW.category, 'reason', NEW.reason,
            'create_time', to_char(NEW.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        ))); RETURN NULL; END $$
"""
_UPDATED = """
CREATE OR REPLACE FUNCTION pulse_tell_template() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO tenant_events (tenant_id, event_id, recorded_at, type, data)
    VALUES (NEW.tenant_id, gen_random_uuid(), NEW.created_at, 'template.updated', json_build_object(
        'template_name', NEW.name, 'template_version', NEW.version, 'channel', NEW.channel, 'category', NEW.category
    )); RETURN NULL; END $$
"""
_TRIGGERS = {"suppressions": "pulse_tell_suppression", "template_versions": "pulse_tell_template"}


def upgrade() -> None:
    # The default comes after the column: what was recorded before is no part of the feed, and is not written anew.
    op.execute("ALTER TABLE events ADD COLUMN IF NOT EXISTS transaction_id bigint")
    op.execute(f"ALTER TABLE events ALTER COLUMN transaction_id SET DEFAULT {_NUMBER}")
    op.execute(
        f"""
        CREATE TABLE IF NOT EXISTS tenant_events (
            tenant_id text NOT NULL,
            event_id uuid NOT NULL,
            transaction_id bigint NOT NULL DEFAULT {_NUMBER},
            recorded_at timestamptz NOT NULL,
            type text NOT NULL,
            data json NOT NULL,
            CONSTRAINT tenant_events_pkey PRIMARY KEY (tenant_id, transaction_id, event_id)
        )
        """
    )
    op.execute("CREATE INDEX IF NOT EXISTS tenant_events_recorded_at_idx ON tenant_events (recorded_at)")
    op.execute("ALTER TABLE tenant_events ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE tenant_events FORCE ROW LEVEL SECURITY")
    op.execute("DROP POLICY IF EXISTS tenants ON tenant_events")
    op.execute("DROP POLICY IF EXISTS platform ON tenant_events")
    op.execute("DROP POLICY IF EXISTS triggers ON tenant_events")
    op.execute(f"CREATE POLICY tenants ON tenant_events TO pulse_app USING ({_MINE}) WITH CHECK ({_MINE})")
    op.execute("CREATE POLICY platform ON tenant_events TO pulse_platform USING (true) WITH CHECK (true)")
    # A release of before row-level security says for no tenant that it works.
    op.execute("CREATE POLICY triggers ON tenant_events FOR INSERT WITH CHECK (pg_trigger_depth() > 0)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_events TO pulse_app, pulse_platform")
    op.execute(_SUPPRESSED)
    op.execute(_UPDATED)
    for table, function in _TRIGGERS.items():
        op.execute(
            f"CREATE OR REPLACE TRIGGER {table}_tell AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()"
        )
    told = "kind <> 'ATTEMPT_STARTED' AND transaction_id IS NOT NULL"
    online.create_index("events", "events_feed_idx", f"(tenant_id, transaction_id) WHERE {told}")
