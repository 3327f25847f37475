"""The tables, described, of what tenants and operators keep: as :mod:`services.ledger.postgres.tables`."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from services.ledger.postgres.tables import CHANNEL, LANE, TIME, metadata

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
    # 0: its notifications are sent one by one.
    sa.Column("digest_seconds", sa.Double, nullable=False, server_default="0"),
    # All of it, a marshalled pulse.common.v1.Template. NULL: the release before wrote it, into the columns above alone.
    sa.Column("document", sa.LargeBinary),
    # The versions of the fragments that it takes in, by name; NULL: none.
    sa.Column("fragments", pg.JSONB),
)

# Layouts and pieces that templates take in.
fragments = sa.Table(
    "fragments",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", TIME, nullable=False),
    sa.Column("deleted_at", TIME),
)

fragment_versions = sa.Table(
    "fragment_versions",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    # All of it, a marshalled pulse.common.v1.Fragment.
    sa.Column("document", sa.LargeBinary, nullable=False),
    # The fragments that it takes in itself.
    sa.Column("fragments", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("created_at", TIME, nullable=False),
)

# What users want. Times of day are local ones, HH:MM; texts are empty where nothing was set.
preferences = sa.Table(
    "preferences",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, primary_key=True),
    # A list of category, channel, enabled.
    sa.Column("choices", pg.JSONB, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("quiet_from", sa.Text, nullable=False),
    sa.Column("quiet_until", sa.Text, nullable=False),
    sa.Column("updated_at", TIME, nullable=False),
)

# What users must not get. The digest is that of all it says, as an address may be longer than an index can hold.
suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("suppression_id", sa.Uuid, nullable=False),
    sa.Column("channel", CHANNEL),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("created_at", TIME, nullable=False),
    sa.Index("suppressions_digest_idx", "tenant_id", "digest"),
)

# Where pushes can go. The id is made of the token: a token is kept once.
device_tokens = sa.Table(
    "device_tokens",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("device_token_id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("updated_at", TIME, nullable=False),
    sa.Column("kind", sa.Text, nullable=False, server_default="FCM"),
    sa.Index("device_tokens_user_idx", "tenant_id", "user_id", "updated_at"),
)

# Digests that still take notifications in; notification_id is the one that will tell them all, digest what they have in
# common: user, category, channel and address.
digests = sa.Table(
    "digests",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("notification_id", sa.Uuid, nullable=False),
    sa.Column("ends_at", TIME, nullable=False),
    sa.Index("digests_notification_id_idx", "tenant_id", "notification_id"),
)

limits = sa.Table(
    "limits",
    metadata,
    # Empty: of all.
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("limit_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    # 0: none.
    sa.Column("window_seconds", sa.Double, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("updated_at", TIME, nullable=False),
    # Deleted ones stay, so that who keeps them all is told.
    sa.Column("deleted_at", TIME),
    # When it changed last, counted in changes of any limit: routers ask for what came later.
    sa.Column("revision", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("limits_revision_idx", "revision"),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scopes", pg.ARRAY(sa.Text), nullable=False),
    # SHA-256 of the secret.
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("created_at", TIME, nullable=False),
    sa.Column("expires_at", TIME),
    sa.Column("revoked_at", TIME),
    # When it changed last, counted in changes of any key: gateways ask for what came later.
    sa.Column("revision", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("api_keys_revision_idx", "revision"),
)

# Files that go with emails: read when they are sent, and by nobody else.
attachments = sa.Table(
    "attachments",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    # Made of tenant and bytes.
    sa.Column("attachment_id", sa.Text, primary_key=True),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("content_type", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("image_type", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("created_at", TIME, nullable=False),
    sa.Column("expires_at", TIME, nullable=False),
    sa.Index("attachments_expires_at_idx", "expires_at"),
)

# What providers charge for attempts.
prices = sa.Table(
    "prices",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("notification_id", pg.UUID(as_uuid=False), primary_key=True),
    sa.Column("provider", sa.Text, primary_key=True),
    # The provider's own.
    sa.Column("provider_message_id", sa.Text, primary_key=True),
    sa.Column("amount", sa.Numeric(15, 9), nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("told_at", TIME, nullable=False),
    sa.Index("prices_told_at_idx", "told_at"),
)

# Their sums by day, in UTC.
price_sums = sa.Table(
    "price_sums",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("channel", CHANNEL, primary_key=True),
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("currency", sa.Text, primary_key=True),
    sa.Column("amount", sa.Numeric, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Index("price_sums_day_idx", "day"),
)

# Who a tenant's notifications may come from.
senders = sa.Table(
    "senders",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("channel", CHANNEL, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("reply_to", sa.Text, nullable=False),
    # Of its channel: one at the most.
    sa.Column("is_default", sa.Boolean, nullable=False),
    sa.Column("created_at", TIME, nullable=False),
    sa.Column("updated_at", TIME, nullable=False),
    sa.Index("senders_default_idx", "tenant_id", "channel", unique=True, postgresql_where=sa.text("is_default")),
)

# Where notifications of channel CHAT can go. Their addresses are encrypted, with keys that the ledger does not have.
destinations = sa.Table(
    "destinations",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("created_at", TIME, nullable=False),
    sa.Column("updated_at", TIME, nullable=False),
)

# How often what many poll was changed: limits, keys.
revisions = sa.Table(
    "revisions",
    metadata,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
)

# What workers say of providers: worth nothing after a crash, as they say it again every second.
provider_states = sa.Table(
    "provider_states",
    metadata,
    sa.Column("worker_id", sa.Text, primary_key=True),
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("channel", CHANNEL, nullable=False),
    sa.Column("breaker", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", TIME, nullable=False),
    sa.Column("told_at", TIME, nullable=False),
    prefixes=["UNLOGGED"],
)

# What operators decided on channels and providers: it holds for all tenants.
provider_controls = sa.Table(
    "provider_controls",
    metadata,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("paused", sa.Boolean, nullable=False),
    sa.Column("override", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("updated_at", TIME, nullable=False),
)
