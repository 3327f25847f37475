"""The statements by which deliveries are held and looked into, as ``services.ledger.postgres.sql`` makes them."""

from __future__ import annotations

from services.ledger.postgres.older_rows import KNOWN, REFUSED_DEVICES
from services.ledger.postgres.sql import DELIVERY, REFS

# Reads deliveries and holds them until the transaction ends. Others wait, which is short: nobody keeps them held while
# calling anyone but the database.
HOLD = f"""
SELECT {DELIVERY}, {KNOWN} FROM {REFS} JOIN deliveries d USING (tenant_id, notification_id)
ORDER BY d.tenant_id, d.notification_id FOR UPDATE OF d
"""  # noqa: S608 -- made of constants

# Whether notification n's device t was refused for good, since it was last replayed: it goes to another then.
DEVICE_REFUSED = f"""EXISTS (
    SELECT FROM deliveries d
    WHERE d.tenant_id = n.tenant_id AND d.notification_id = n.notification_id
        AND t.device_token_id = ANY ({REFUSED_DEVICES})
)"""

# The receipts that deliveries already have: a provider repeats itself.
RECEIPTS = f"""
SELECT e.tenant_id, e.notification_id::text, e.provider, e.provider_message_id, e.reported
FROM {REFS} JOIN events e USING (tenant_id, notification_id)
WHERE e.kind = 'RECEIPT'
"""  # noqa: S608 -- made of constants
