"""When those died whose death was written down without its time."""

from __future__ import annotations

from services.ledger.migrations import online

revision = "0003"
down_revision = "0002"
#: No release that writes deaths without a time runs beside one that has this.
release = "before"

_DEAD = "status IN ('FAILED', 'UNKNOWN', 'UNDELIVERED')"


def upgrade() -> None:
    online.in_batches(
        f"""
        UPDATE deliveries SET died_at = updated_at WHERE (tenant_id, notification_id) IN (
            SELECT tenant_id, notification_id FROM deliveries WHERE {_DEAD} AND died_at IS NULL LIMIT 1000)
        """  # noqa: S608 -- made of constants
    )
    online.in_batches(
        f"""
        UPDATE deliveries SET died_at = NULL WHERE (tenant_id, notification_id) IN (
            SELECT tenant_id, notification_id FROM deliveries WHERE NOT {_DEAD} AND died_at IS NOT NULL LIMIT 1000)
        """  # noqa: S608 -- made of constants
    )
