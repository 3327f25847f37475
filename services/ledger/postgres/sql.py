"""The statements of the hot path, written by hand.

Each takes a whole batch as one parameter, a JSON text, or as columns (``services.ledger.postgres.columns``), which is
cheaper where it is many values: one statement means one plan, one round trip and, where it stands alone, one
transaction. Whatever time a statement needs is
a parameter: the clock is the caller's. Rows are written and locked in the order of their keys, so that two batches
never wait for each other in a circle.
"""

from __future__ import annotations

from services.ledger.postgres import older_rows
from services.ledger.rules.delivery import Delivery

#: What the statements call a batch of references.
REFS = "unnest(%(tenants)s::text[], %(ids)s::uuid[]) AS r(tenant_id, notification_id)"

_READ_AS = {
    "notification_id": "d.notification_id::text",
    "device_token_id": "d.device_token_id::text",
    "refused_devices": "d.refused_devices::text[]",
    "drawn": older_rows.DRAWN,
}
# A delivery's columns in the order of the class, ids as text.
DELIVERY = ", ".join(_READ_AS.get(name, f"d.{name}") for name in Delivery._fields)

# What keys were used for, and where that stands. A statement of its own: it must see what others have committed while
# RECORD waited for them. One look-up by index for each key, whatever the planner thinks of a table that was empty when
# it planned: OFFSET keeps it from beginning with the table.
KEYS = """
SELECT k.tenant_id, k.key, k.fingerprint, k.notification_id::text, d.status
FROM json_to_recordset(%(keys)s::json) AS r(tenant_id text, key text)
CROSS JOIN LATERAL (
    SELECT * FROM idempotency_keys
    WHERE tenant_id = r.tenant_id AND method = 'send' AND key = r.key AND expires_at > %(now)s OFFSET 0
) k
LEFT JOIN deliveries d ON d.tenant_id = k.tenant_id AND d.notification_id = k.notification_id
"""

# Where notifications stand.
STATUSES = f"""
SELECT d.tenant_id, d.notification_id::text, d.status, d.revision
FROM {REFS} JOIN deliveries d USING (tenant_id, notification_id)
"""  # noqa: S608 -- made of constants
