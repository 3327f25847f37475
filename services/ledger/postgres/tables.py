"""The tables, described: the migrations' sum must equal this, and a test says so.

The tenant is the first column of every key, so that rows can be spread by it and guarded by it. What a caller asked
for (``notifications``) never changes; what moves (``deliveries``) is narrow, so that a change rewrites little. Both
and the events are partitioned by id: a UUIDv7 begins with its time, so a range of ids is a range of time, a look-up
by id reads one partition, and the end of retention drops whole partitions. No foreign keys: the rows of one
notification are written by one statement, and they leave by partition.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from services.ledger.rules import delivery, states
from services.ledger.rules.words import Word
from shared.channel.table import Channel

metadata = sa.MetaData(
    naming_convention={"pk": "%(table_name)s_pkey", "ix": "%(table_name)s_%(column_0_N_name)s_idx"},
)

#: Tables with a default partition and one for each week.
PARTITIONED = ("notifications", "deliveries", "events")


def _enum(kind: type[Word], name: str) -> sa.Enum:
    return sa.Enum(*(member.value for member in kind.known()), name=name, metadata=metadata)


#: The number of the transaction that writes the row, which only grows.
_TRANSACTION = sa.text("(pg_current_xact_id()::text)::bigint")
STATUS = _enum(states.Status, "status")
CHANNEL = sa.Enum(*(channel.value for channel in Channel), name="channel", metadata=metadata)
LANE = _enum(delivery.Lane, "lane")
GUARANTEE = _enum(delivery.Guarantee, "guarantee")
KIND = _enum(delivery.Kind, "event_kind")
OUTCOME = _enum(delivery.Outcome, "outcome")
TIME = sa.DateTime(timezone=True)

notifications = sa.Table(
    "notifications",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("notification_id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("template_name", sa.Text, nullable=False),
    sa.Column("template_version", sa.Integer, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    # Text, as it is handed on to the last byte; other JSON here is json, not jsonb: it is never searched.
    sa.Column("context_json", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text, nullable=False),
    sa.Column("locale", sa.Text, nullable=False),
    sa.Column("metadata", pg.JSON, nullable=False),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("traceparent", sa.Text, nullable=False),
    sa.Column("not_before", TIME),
    sa.Column("created_at", TIME, nullable=False),
    # The notification whose digest tells this one's content; its own id, if it is that one.
    sa.Column("collapsed_into", sa.Uuid),
    # What was asked for and has no column, a marshalled pulse.common.v1.Asked; NULL: nothing has none.
    sa.Column("asked", sa.LargeBinary),
    sa.Index(
        "notifications_digest_idx",
        "tenant_id",
        "collapsed_into",
        "notification_id",
        postgresql_where=sa.text("collapsed_into IS NOT NULL"),
    ),
    # Partial, though all rows are in them: so they serve only who names a user or a template. Else PostgreSQL, which
    # can skip a column, may take one for a look-up by id, planned while a new week's partition was still empty.
    sa.Index(
        "notifications_user_idx", "tenant_id", "user_id", "notification_id", postgresql_where=sa.text("user_id <> ''")
    ),
    sa.Index(
        "notifications_template_idx",
        "tenant_id",
        "template_name",
        "notification_id",
        postgresql_where=sa.text("template_name <> ''"),
    ),
    postgresql_partition_by="RANGE (notification_id)",
)

#: The provider that a delivery waits for; none for what is looked at for another reason than to begin an attempt.
#: Written as PostgreSQL writes it, for the comparison with the migrations.
NEXT_PROVIDER = """
CASE
    WHEN status = ANY (ARRAY['SCHEDULED'::status, 'QUEUED'::status, 'RETRYING'::status]) \
THEN COALESCE(route[route_index + 1], ''::text)
    ELSE ''::text
END"""

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("notification_id", sa.Uuid, primary_key=True),
    sa.Column("status", STATUS, nullable=False),
    sa.Column("channel", CHANNEL, nullable=False),
    sa.Column("lane", LANE, nullable=False),
    sa.Column("guarantee", GUARANTEE, nullable=False),
    sa.Column("route", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    sa.Column("expires_at", TIME),
    sa.Column("due_at", TIME),
    sa.Column("ready_at", TIME, nullable=False),
    sa.Column("lease_until", TIME),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("attempt_limit", sa.Integer, nullable=False),
    sa.Column("route_index", sa.Integer, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("provider_message_id", sa.Text, nullable=False),
    sa.Column("failure_code", sa.Text, nullable=False),
    sa.Column("failure_message", sa.Text, nullable=False),
    sa.Column("early_receipt", pg.JSON),
    sa.Column("last_attempt_at", TIME),
    sa.Column("sent_at", TIME),
    sa.Column("delivered_at", TIME),
    sa.Column("updated_at", TIME, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("died_at", TIME),
    # A list of channel, to, route, after.
    sa.Column("fallbacks", pg.JSONB),
    sa.Column("fallback_index", sa.Integer, nullable=False, server_default="0"),
    sa.Column("fallback_at", TIME),
    sa.Column("deferred_at", TIME),
    # TRUE: given out since it became due. NULL: not, unless an older release did, which moved due_at alone.
    sa.Column("drawn", sa.Boolean),
    # The registered device that the last attempt went to, and those that it does not go to any more.
    sa.Column("device_token_id", sa.Uuid),
    sa.Column("refused_devices", pg.ARRAY(sa.Uuid)),
    # A provider's name to the time until when it asked not to be called again, ISO 8601.
    sa.Column("rests", pg.JSON),
    # The last attempts, so many in a row, that workers did not come back from.
    sa.Column("losses", sa.Integer, nullable=False, server_default="0"),
    # The revision that the five columns above are of. Another than the row's, or NULL: a release that does not know
    # them has changed it since (see older_rows).
    sa.Column("state_revision", sa.Integer),
    # What it ends as at the worst, as one of several devices has it or may have it.
    sa.Column("secured", STATUS),
    # The dispatcher's queue, by tenant and provider, so that these take turns: only what is not at rest is in it.
    sa.Index(
        "deliveries_flow_idx",
        "lane",
        "tenant_id",
        sa.text(f"({NEXT_PROVIDER})"),
        "due_at",
        postgresql_where=sa.text("due_at IS NOT NULL"),
    ),
    # Few rows stand here, and people look for them; those that are QUEUED or SENT are found by id fast enough.
    sa.Index(
        "deliveries_troubled_idx",
        "tenant_id",
        "status",
        "notification_id",
        postgresql_where=sa.text(
            "status IN ('SCHEDULED', 'RETRYING', 'UNDELIVERED', 'FAILED', 'UNKNOWN', "
            "'EXPIRED', 'CANCELLED', 'SUPPRESSED')"
        ),
    ),
    sa.Index(
        "deliveries_failure_idx",
        "tenant_id",
        "failure_code",
        "notification_id",
        postgresql_where=sa.text("failure_code <> ''"),
    ),
    # The graveyard, in the order of deaths.
    sa.Index(
        "deliveries_dead_idx",
        "tenant_id",
        "died_at",
        "notification_id",
        postgresql_where=sa.text("died_at IS NOT NULL"),
    ),
    # What waits for a provider that may be called: looked at again when an operator lets one be called.
    sa.Index("deliveries_deferred_idx", "deferred_at", postgresql_where=sa.text("deferred_at IS NOT NULL")),
    # What a provider took over lately: whether it reports on it.
    sa.Index("deliveries_sent_idx", "provider", "sent_at", postgresql_where=sa.text("sent_at IS NOT NULL")),
    postgresql_partition_by="RANGE (notification_id)",
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("notification_id", sa.Uuid, primary_key=True),
    # From deliveries.revision, raised under the row's lock: no gaps.
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("recorded_at", TIME, nullable=False),
    sa.Column("kind", KIND, nullable=False),
    sa.Column("status", STATUS, nullable=False),
    sa.Column("attempt", sa.Integer),
    sa.Column("fence", sa.BigInteger),
    sa.Column("provider", sa.Text),
    sa.Column("outcome", OUTCOME),
    sa.Column("latency_ms", sa.Double),
    sa.Column("provider_message_id", sa.Text),
    sa.Column("failure_code", sa.Text),
    sa.Column("failure_message", sa.Text),
    sa.Column("reported", STATUS),
    sa.Column("decisions", pg.JSON),
    sa.Column("next_attempt_at", TIME),
    sa.Column("lease_until", TIME),
    sa.Column("actor", sa.Text),
    sa.Column("worker", sa.Text),
    # Of an attempt to several devices: a list of device_token_id, provider and, at its end, what became of it.
    sa.Column("devices", pg.JSON),
    # By which it was recorded. NULL: before there was a feed, of which it is no part.
    sa.Column("transaction_id", sa.BigInteger, server_default=_TRANSACTION),
    # The feed. Attempts' beginnings, of which nobody is told, are left out: an entry costs half a microsecond.
    sa.Index(
        "events_feed_idx",
        "tenant_id",
        "transaction_id",
        postgresql_where=sa.text("kind <> 'ATTEMPT_STARTED' AND transaction_id IS NOT NULL"),
    ),
    postgresql_partition_by="RANGE (notification_id)",
)

# What happens beside notifications, for the feed: recorded by triggers, whoever did it and wherever.
tenant_events = sa.Table(
    "tenant_events",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("transaction_id", sa.BigInteger, primary_key=True, server_default=_TRANSACTION),
    sa.Column("event_id", sa.Uuid, primary_key=True),
    sa.Column("recorded_at", TIME, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    # A pulse.common.v1.EventData.
    sa.Column("data", pg.JSON, nullable=False),
    sa.Index("tenant_events_recorded_at_idx", "recorded_at"),
)

# Endpoints that are sent events.
subscriptions = sa.Table(
    "subscriptions",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("subscription_id", sa.Uuid, primary_key=True),
    # What callers give, a marshalled pulse.common.v1.Subscription.
    sa.Column("document", sa.LargeBinary, nullable=False),
    sa.Column("secret", sa.Text, nullable=False),
    # Signs too, until then.
    sa.Column("former_secret", sa.Text, nullable=False),
    sa.Column("former_until", TIME),
    sa.Column("state", sa.Text, nullable=False),
    # Up to where its feed was gone through, and the first transaction that may have more.
    sa.Column("position", sa.Text, nullable=False),
    sa.Column("next_transaction", sa.BigInteger, nullable=False),
    sa.Column("failing_since", TIME),
    # The endpoint wants to be left alone until then.
    sa.Column("rest_until", TIME),
    sa.Column("created_at", TIME, nullable=False),
    sa.Column("updated_at", TIME, nullable=False),
)

# Events on their way to endpoints, and what became of them.
event_deliveries = sa.Table(
    "event_deliveries",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("subscription_id", sa.Uuid, primary_key=True),
    sa.Column("event_delivery_id", sa.Uuid, primary_key=True),
    sa.Column("event_id", sa.Text, nullable=False),
    # A marshalled pulse.common.v1.Event.
    sa.Column("event", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    # Somebody makes a request until due_at.
    sa.Column("leased", sa.Boolean, nullable=False),
    # NULL: there is no request to come.
    sa.Column("due_at", TIME),
    sa.Column("give_up_at", TIME, nullable=False),
    sa.Column("created_at", TIME, nullable=False),
    # The last request.
    sa.Column("answered_at", TIME),
    sa.Column("latency_ms", sa.Double),
    sa.Column("answer_status", sa.Integer, nullable=False),
    sa.Column("answer_body", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Index("event_deliveries_event_idx", "tenant_id", "subscription_id", "event_id", unique=True),
    sa.Index(
        "event_deliveries_due_idx",
        "tenant_id",
        "subscription_id",
        "due_at",
        postgresql_where=sa.text("due_at IS NOT NULL"),
    ),
    sa.Index("event_deliveries_created_at_idx", "created_at"),
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("method", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("notification_id", sa.Uuid, nullable=False),
    sa.Column("expires_at", TIME, nullable=False),
    # Keys are written in the order in which they expire: a few blocks of summary find the old ones.
    sa.Index("idempotency_keys_expires_at_idx", "expires_at", postgresql_using="brin"),
)
