"""What each index is for: the statement that reads by it, as module and name.

Each index costs every write, so none is without a reader; ``tests/ledger/test_indexes.py`` asks PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Mapping

READERS: Mapping[str, str] = {
    "api_keys_revision_idx": "services.ledger.stores.api_key_store:_CHANGED",
    "prices_told_at_idx": "services.ledger.stores.price_store:PURGE",
    "price_sums_day_idx": "services.ledger.stores.price_store:PURGE_SUMS",
    "attachments_expires_at_idx": "services.ledger.stores.attachment_store:PURGE",
    "deliveries_dead_idx": "services.ledger.read.dead_letter_queries:page",
    "deliveries_deferred_idx": "services.ledger.stores.provider_store:_WAKE",
    "deliveries_failure_idx": "services.ledger.read.page_queries:page",
    "deliveries_flow_idx": "services.ledger.draw.draw_statements:DRAW",
    "deliveries_sent_idx": "services.ledger.stores.receipt_delays:_DELAYED",
    "deliveries_troubled_idx": "services.ledger.read.page_queries:page",
    "device_tokens_user_idx": "services.ledger.stores.recipient_store:_DEVICES",
    "digests_notification_id_idx": "services.ledger.move.digests:_CLOSE",
    "event_deliveries_created_at_idx": "services.ledger.outgoing.statements:PURGE",
    "event_deliveries_due_idx": "services.ledger.outgoing.statements:DRAW",
    "event_deliveries_event_idx": "services.ledger.outgoing.statements:PLAN",
    "events_feed_idx": "services.ledger.read.feed.statements:PAGE",
    "idempotency_keys_expires_at_idx": "services.ledger.schema.maintenance:_PURGE_KEYS",
    "limits_revision_idx": "services.ledger.stores.limit_store:_CHANGED",
    "notifications_digest_idx": "services.ledger.move.digests:_ENTRIES",
    "notifications_template_idx": "services.ledger.read.page_queries:page",
    "notifications_user_idx": "services.ledger.read.page_queries:page",
    "suppressions_digest_idx": "services.ledger.stores.suppressed_addresses:_FIND",
    "senders_default_idx": "services.ledger.stores.sender_store:_DEFAULT",
    "tenant_events_recorded_at_idx": "services.ledger.read.feed.statements:PURGE",
}
