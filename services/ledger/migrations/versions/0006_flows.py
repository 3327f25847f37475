"""An index by which the dispatcher finds what is due of each tenant for each provider."""

from __future__ import annotations

from services.ledger.migrations import online

revision = "0006"
down_revision = "0005"
#: An index: whoever does not know it is not disturbed.
release = "before"

#: The provider that is next; none for what is looked at for another reason than to begin its next attempt.
_NEXT = """
CASE WHEN status IN ('SCHEDULED', 'QUEUED', 'RETRYING') THEN coalesce(route[route_index + 1], '') ELSE '' END
"""


def upgrade() -> None:
    online.create_index(
        "deliveries", "deliveries_flow_idx", f"(lane, tenant_id, ({_NEXT.strip()}), due_at) WHERE due_at IS NOT NULL"
    )
