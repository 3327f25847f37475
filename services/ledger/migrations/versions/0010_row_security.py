"""Rows are hidden from whoever does not work for their tenant."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009n"
#: The release before says nowhere for whom it works, and would see no rows if it is not the database's superuser.
release = "after"

_TABLES = (
    "notifications",
    "deliveries",
    "events",
    "idempotency_keys",
    "templates",
    "template_versions",
    "preferences",
    "suppressions",
    "device_tokens",
    "digests",
    "limits",
    "api_keys",
)

# The tenants are keys of a JSON object, which is searched by halving, and read once for a statement (the sub-select),
# not for each row. Where nothing was set it is null or empty: no tenants either way, so no rows.
#
# No index can answer this condition, and PostgreSQL takes it for one that hardly ever fails (nulltestsel): so
# statements are planned as without it, by the keys they name. "= ANY" over an array was tried, and made it read all of
# a tenant's rows to find fifty: ten times slower, and slower with every row.
_MINE = "(SELECT nullif(current_setting('pulse.tenants', true), '')::jsonb) -> tenant_id IS NOT NULL"


def upgrade() -> None:
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenants ON {table} TO pulse_app USING ({_MINE}) WITH CHECK ({_MINE})")
        op.execute(f"CREATE POLICY platform ON {table} TO pulse_platform USING (true) WITH CHECK (true)")
    # What holds for all tenants is every tenant's to read.
    op.execute("CREATE POLICY of_all ON limits FOR SELECT TO pulse_app USING (tenant_id = '')")
    # Else it would be read with its owner's rights.
    op.execute("ALTER VIEW attempts SET (security_invoker = true)")
    op.execute("GRANT SELECT ON attempts TO pulse_app, pulse_platform")
