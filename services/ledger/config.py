"""Settings of the ledger."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Self

from pydantic import Field, model_validator

from services.ledger import retry_settings
from services.ledger.rules.delay_rules import DelayRules
from services.ledger.rules.retry import RetryPolicies, RetryPolicy
from shared.config import Settings

#: Where it serves unless told otherwise.
DEFAULT_LISTEN = "[::]:50053"


class LedgerSettings(Settings):
    """What ``python -m services.ledger`` reads from the environment, each key behind ``PULSE_``."""

    owns: ClassVar[tuple[str, ...]] = ("LEDGER_",)

    ledger_pool_min: int = Field(2, ge=1, le=100, description="connections kept open for writing")
    ledger_pool_max: int = Field(8, ge=1, le=100, description="most connections for writing")
    ledger_read_pool_max: int = Field(
        4, ge=1, le=100, description="most connections for reading a few rows; one tenant has half of them at the most"
    )
    ledger_search_pool_max: int = Field(
        2,
        ge=1,
        le=100,
        description="most connections for lists, statistics and replays; one tenant has half of them at the most",
    )
    ledger_search_seconds: float = Field(
        5.0, gt=0, le=300, description="longest time one statement of a list, of statistics or a replay may take, s"
    )
    ledger_searches_waiting: int = Field(
        50, ge=1, le=10_000, description="most lists, statistics and replays of one tenant that may wait for their turn"
    )
    ledger_pool_wait_seconds: float = Field(5.0, gt=0, le=60, description="longest wait for a free connection, s")
    ledger_answer_seconds: float = Field(
        1.5,
        gt=0,
        le=60,
        description="PostgreSQL is away, and calls are refused at once, when it twice takes longer to answer a look, s",
    )
    ledger_start_seconds: float = Field(30.0, gt=0, le=600, description="longest wait for PostgreSQL at start, s")
    ledger_statement_seconds: float = Field(10.0, gt=0, le=300, description="longest time one statement may take, s")
    ledger_key_retention_hours: float = Field(24.0, gt=0, le=24 * 366, description="how long a key is remembered, h")
    ledger_retention_days: int = Field(
        30,
        ge=1,
        le=3660,
        description="notifications are kept this long after acceptance, and to their week's end, days",
    )
    ledger_lease_seconds: float = Field(12.0, gt=0, le=600, description="lease of a claim that asks for none, s")
    ledger_redispatch_seconds: float = Field(
        10.0, gt=0, le=3600, description="time to claim what was dispatched before it is handed out again, s"
    )
    ledger_retry_base_seconds: float = Field(2.0, gt=0, le=3600, description="highest wait after the first failure, s")
    ledger_retry_cap_seconds: float = Field(
        900.0, gt=0, le=86_400, description="highest wait after any failure, less what policies have differently, s"
    )
    ledger_retry_after_cap_seconds: float = Field(
        3600.0, ge=0, le=86_400, description="longest wait a provider can ask for, s"
    )
    ledger_retry_policies: str = Field(
        "",
        description="what channels, providers and situations (recipient, configuration, fallback) have differently: "
        "base and cap in s, growth of a wait over the one before, max attempts, as in sms:base=5,cap=600;smtp:max=8; "
        "unsaid: email:cap=3600;recipient:base=300,growth=2;configuration:base=60,cap=3600;fallback:growth=2",
    )
    ledger_hand_backs: int = Field(
        100,
        ge=10,
        le=10_000,
        description="how often workers may hand a notification back without a call before it is a dead letter; after "
        "the fifth time it waits, twice as long each time up to 5 min",
    )
    ledger_receipt_providers: str = Field(
        "twilio",
        description="providers that report on what they took over, separated by commas: those that do not do so in "
        "time come last on their routes",
    )
    ledger_receipt_late_seconds: float = Field(60.0, gt=0, le=3600, description="a receipt is late after this, s")
    ledger_receipt_window_seconds: float = Field(
        300.0, gt=0, le=86_400, description="late receipts of what was taken over so recently count, s"
    )
    ledger_receipt_late_share: float = Field(
        0.5, gt=0, le=1, description="receipts of a provider are slow when a greater share of them is late"
    )
    ledger_receipt_least: int = Field(
        20, ge=1, le=1000, description="fewest notifications by which the receipts of a provider are judged"
    )
    ledger_receipt_look_seconds: float = Field(5.0, gt=0, le=600, description="time between looks for slow receipts, s")
    ledger_critical_categories: str = Field(
        "security,authentication,verification,otp",
        description="categories of templates, separated by commas, that preferences, unsubscriptions and quiet hours "
        "do not hold for",
    )
    ledger_longest_attempts: int = Field(
        20, ge=1, le=100, description="most attempts an entry may ask for; keys must outlive that many"
    )
    ledger_most_api_keys: int = Field(
        1_000, ge=1, le=100_000, description="most API keys of a tenant that are accepted"
    )
    ledger_most_sessions: int = Field(
        1_000, ge=1, le=100_000, description="most sessions of a tenant, the console's logins say, at a time"
    )
    ledger_most_limits: int = Field(1_000, ge=1, le=100_000, description="most limits set for a tenant")
    ledger_most_templates: int = Field(10_000, ge=1, le=1_000_000, description="most templates of a tenant")
    ledger_most_senders: int = Field(1_000, ge=1, le=1_000_000, description="most senders of a tenant")
    ledger_most_fragments: int = Field(1_000, ge=1, le=100_000, description="most fragments of a tenant")
    ledger_most_suppressions: int = Field(
        5_000_000, ge=1, le=1_000_000_000, description="most suppressions that a tenant's callers may add"
    )
    ledger_most_devices: int = Field(5_000_000, ge=1, le=1_000_000_000, description="most devices of a tenant's users")
    ledger_most_destinations: int = Field(
        1_000, ge=1, le=100_000, description="most destinations of channel CHAT that a tenant may register"
    )
    ledger_most_attachments: int = Field(10_000, ge=1, le=10_000_000, description="most files that a tenant may keep")
    ledger_attachments_mib: int = Field(
        5_120, ge=1, le=10_000_000, description="what a tenant's files may weigh together, MiB"
    )
    ledger_weeks_ahead: int = Field(4, ge=1, le=52, description="weeks for which partitions are made ahead")
    ledger_weeks_dropped: int = Field(
        1,
        ge=1,
        le=520,
        description="most weeks of notifications past retention that leave at one round of housekeeping",
    )
    ledger_keys_purged: int = Field(
        1_000_000, ge=1_000, le=1_000_000_000, description="most expired keys deleted at one round of housekeeping"
    )
    ledger_watch_seconds: float = Field(0.5, gt=0, le=60, description="first wait between looks at what is watched, s")
    ledger_housekeeping_seconds: float = Field(
        3600.0, gt=0, le=86_400, description="how often partitions are made and dropped and old keys deleted, s"
    )

    @model_validator(mode="after")
    def _policies_are_possible(self) -> Self:
        if self.ledger_retry_base_seconds > self.ledger_retry_cap_seconds:
            raise ValueError("PULSE_LEDGER_RETRY_BASE_SECONDS is above PULSE_LEDGER_RETRY_CAP_SECONDS")
        try:
            policies = list(self.retry_policies.all())
        except ValueError as error:
            raise ValueError(f"PULSE_LEDGER_RETRY_POLICIES: {error}") from None
        # A situation's first wait may be above a channel's cap, which then holds.
        if any(policy.base > policy.cap for policy in self.retry_policies.all([""])):
            raise ValueError("PULSE_LEDGER_RETRY_POLICIES: a base is above its cap")
        if any((policy.max_attempts or 1) > self.ledger_longest_attempts for policy in policies):
            longest = self.ledger_longest_attempts
            raise ValueError(f"PULSE_LEDGER_RETRY_POLICIES: a max is above PULSE_LEDGER_LONGEST_ATTEMPTS={longest}")
        return self

    @model_validator(mode="after")
    def _keys_outlive_retries(self) -> Self:
        horizon = max(policy.horizon(self.ledger_longest_attempts) for policy in self.retry_policies.all())
        if self.ledger_key_retention_hours * 3600 < horizon:
            raise ValueError(
                f"PULSE_LEDGER_KEY_RETENTION_HOURS={self.ledger_key_retention_hours} is shorter than the longest "
                f"retries ({horizon / 3600:.1f} h): a repeated request could be sent while the first one still is"
            )
        if self.ledger_key_retention_hours > self.ledger_retention_days * 24:
            raise ValueError(
                f"PULSE_LEDGER_KEY_RETENTION_HOURS={self.ledger_key_retention_hours} is longer than "
                f"PULSE_LEDGER_RETENTION_DAYS={self.ledger_retention_days}: a key would name what is gone"
            )
        if self.ledger_pool_min > self.ledger_pool_max:
            raise ValueError("PULSE_LEDGER_POOL_MIN is above PULSE_LEDGER_POOL_MAX")
        return self

    @model_validator(mode="after")
    def _receipts_can_be_late(self) -> Self:
        if self.ledger_receipt_window_seconds <= self.ledger_receipt_late_seconds:
            raise ValueError("PULSE_LEDGER_RECEIPT_WINDOW_SECONDS is not above PULSE_LEDGER_RECEIPT_LATE_SECONDS")
        return self

    @property
    def connections(self) -> int:
        """Most connections to PostgreSQL that one ledger holds, all its processes together."""
        pools = (self.ledger_pool_max, self.ledger_read_pool_max, self.ledger_search_pool_max)
        # The platform has half of each to itself. Two are for what is watched, one for the tables' owner, and one for
        # asking whether PostgreSQL is there.
        each = sum(most + max(1, most // 2) for most in pools) + 2 + 1 + 1
        return each * self.ledger_processes

    @property
    def connections_kept(self) -> int:
        """Connections to PostgreSQL that a ledger with nothing to do holds.

        Those for writing, one of each other pool that is never empty, and one that asks whether PostgreSQL is there.
        Maintenance (``python -m services.ledger.maintain``) has one more, of the tables' owner.
        """
        return (self.ledger_pool_min + 5 + 1) * self.ledger_processes

    @property
    def delay_rules(self) -> DelayRules:
        """When a provider's receipts are slow."""
        return DelayRules(
            [name.strip() for name in self.ledger_receipt_providers.split(",") if name.strip()],
            dt.timedelta(seconds=self.ledger_receipt_late_seconds),
            dt.timedelta(seconds=self.ledger_receipt_window_seconds),
            self.ledger_receipt_late_share,
            self.ledger_receipt_least,
            dt.timedelta(seconds=self.ledger_receipt_look_seconds),
        )

    @property
    def critical_categories(self) -> frozenset[str]:
        """Categories that preferences, unsubscriptions and quiet hours do not hold for."""
        return frozenset(name.strip() for name in self.ledger_critical_categories.split(",") if name.strip())

    @property
    def retry_policies(self) -> RetryPolicies:
        """ValueError if PULSE_LEDGER_RETRY_POLICIES cannot be read."""
        default = RetryPolicy(
            self.ledger_retry_base_seconds, self.ledger_retry_cap_seconds, self.ledger_retry_after_cap_seconds
        )
        return RetryPolicies(default, retry_settings.parse(self.ledger_retry_policies), self.ledger_hand_backs)
