"""The tables, described: the migrations' sum must equal this, and a test says so.

The tenant is the first column of every key, so that rows can be spread by it and guarded by it. What a caller asked
for (``notifications``) never changes; what moves (``deliveries``) is narrow, so that a change rewrites little. Both
and the events are partitioned by id: a UUIDv7 begins with its time, so a range of ids is a range of time, a look-up
by id reads one partition, and the end of retention drops whole partitions. No foreign keys: the rows of one
notification are written by one statement, and they leave by partition.
"""

from __future__ import annotations

import enum

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from services.ledger import delivery, states

metadata = sa.MetaData(
    naming_convention={"pk": "%(table_name)s_pkey", "ix": "%(table_name)s_%(column_0_N_name)s_idx"},
)

#: Tables with a default partition and one for each week.
PARTITIONED = ("notifications", "deliveries", "events")


def _enum(kind: type[enum.StrEnum], name: str) -> sa.Enum:
    return sa.Enum(*(member.value for member in kind), name=name, metadata=metadata)


STATUS = _enum(states.Status, "status")
CHANNEL = _enum(delivery.Channel, "channel")
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
    # The dispatcher's queue: only what is not at rest is in it.
    sa.Index("deliveries_due_idx", "lane", "due_at", postgresql_where=sa.text("due_at IS NOT NULL")),
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
    postgresql_partition_by="RANGE (notification_id)",
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

templates = sa.Table(
    "templates",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", TIME, nullable=False),
    sa.Column("deleted_at", TIME),
)

template_versions = sa.Table(
    "template_versions",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("channel", CHANNEL, nullable=False),
    sa.Column("priority", LANE),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("default_locale", sa.Text, nullable=False),
    # A list of channel, locale, subject, body, html_body.
    sa.Column("contents", pg.JSONB, nullable=False),
    sa.Column("variables", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("created_at", TIME, nullable=False),
)

#: Each attempt as one row: its intent beside its outcome. The fence tells apart what a release numbered alike.
ATTEMPTS_VIEW = """
CREATE VIEW attempts AS
SELECT b.tenant_id, b.notification_id, b.attempt, b.fence, b.provider, b.worker, b.recorded_at AS started_at,
       b.lease_until, e.recorded_at AS ended_at, e.outcome, e.latency_ms, e.provider_message_id, e.failure_code,
       e.failure_message
FROM events b
LEFT JOIN events e
  ON e.tenant_id = b.tenant_id AND e.notification_id = b.notification_id AND e.fence = b.fence
 AND e.kind = 'ATTEMPT_ENDED'
WHERE b.kind = 'ATTEMPT_STARTED'
"""
