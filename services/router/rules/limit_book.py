"""The limit book: what is configured, and what operators set at run time instead; which of it counts for whom.

The most specific wins: the tenant's limit for the template, the tenant's, that of all tenants for the template, that
of all tenants, and then what is configured. Of SMS prefixes the longest wins before all that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.router.rules.quota import Kind, WindowLimit
from services.router.rules.sms_prefixes import longest_prefix

#: The tenant of a limit that is everybody's.
ALL_TENANTS = ""


@dataclass(frozen=True, slots=True)
class Configured:
    """What counts where no operator said otherwise; None: no limit."""

    user_channel: WindowLimit
    recipient: WindowLimit | None = None
    tenant: WindowLimit | None = None
    sms_spend: WindowLimit | None = None
    denied_prefixes: tuple[str, ...] = ()
    allowed_prefixes: tuple[str, ...] = ()
    sms_prices: Mapping[str, int] = field(default_factory=dict)  # millionths by prefix


@dataclass(frozen=True, slots=True)
class LimitOverride:
    """One limit that an operator set; ``limit`` is None where it has no window, and ``amount`` alone counts."""

    tenant_id: str
    kind: Kind
    subject: str
    amount: int
    limit: WindowLimit | None


@dataclass(frozen=True, slots=True)
class PrefixRule:
    """What holds for phone numbers that begin with ``prefix``; ``limit`` None: allowed without bound."""

    prefix: str
    allowed: bool
    limit: WindowLimit | None = None


_UNKNOWN_PREFIX = PrefixRule("", allowed=True)


class LimitBook:
    """All limits at one time."""

    def __init__(self, configured: Configured, overrides: Sequence[LimitOverride] = ()) -> None:
        self._configured = configured
        self._limits: dict[Kind, dict[tuple[str, str], WindowLimit]] = {kind: {} for kind in Kind}
        for one in overrides:
            if one.limit:
                self._limits[one.kind][one.tenant_id, one.subject] = one.limit
        self._user_channel = self._limits[Kind.USER_CHANNEL]
        self._prefixes = _prefix_tables(configured, [one for one in overrides if one.kind is Kind.SMS_PREFIX])

    def user_channel(self, tenant_id: str, template: str) -> tuple[WindowLimit, str]:
        """The limit of one user by one channel, and the template if it is a window of that template alone."""
        if self._user_channel:
            for tenant in (tenant_id, ALL_TENANTS):
                for subject in (template, ""):
                    limit = self._user_channel.get((tenant, subject))
                    if limit:
                        return limit, subject
        return self._configured.user_channel, ""

    def recipient(self, tenant_id: str) -> WindowLimit | None:
        """The limit of one address by one channel."""
        return self._of(tenant_id, Kind.RECIPIENT) or self._configured.recipient

    def tenant(self, tenant_id: str) -> WindowLimit | None:
        """The limit of the whole tenant."""
        return self._of(tenant_id, Kind.TENANT) or self._configured.tenant

    def sms_spend(self, tenant_id: str) -> WindowLimit | None:
        """What the tenant's SMS may cost, millionths."""
        return self._of(tenant_id, Kind.SMS_SPEND) or self._configured.sms_spend

    def sms_prefix(self, tenant_id: str, number: str) -> PrefixRule:
        """What holds for SMS to ``number``."""
        tables = (self._prefixes.get(tenant_id, {}), self._prefixes[ALL_TENANTS])
        found = [one for table in tables if (one := longest_prefix(number, table))]
        # Of equal ones the first: the tenant's own.
        return max(found, key=lambda one: len(one[0]))[1] if found else _UNKNOWN_PREFIX

    def sms_price(self, number: str) -> int:
        """What one segment of an SMS to ``number`` costs, millionths; 0: not counted."""
        found = longest_prefix(number, self._configured.sms_prices)
        return found[1] if found else 0

    def _of(self, tenant_id: str, kind: Kind) -> WindowLimit | None:
        limits = self._limits[kind]
        return limits.get((tenant_id, "")) or limits.get((ALL_TENANTS, ""))


def _prefix_tables(configured: Configured, overrides: list[LimitOverride]) -> dict[str, dict[str, PrefixRule]]:
    """The rules of prefixes that hold for all tenants, and those of each tenant that has its own."""
    everybodys = {prefix: PrefixRule(prefix, allowed=False) for prefix in configured.denied_prefixes}
    everybodys |= {prefix: PrefixRule(prefix, allowed=True) for prefix in configured.allowed_prefixes}
    everybodys |= {one.subject: _rule(one) for one in overrides if one.tenant_id == ALL_TENANTS}
    tables = {ALL_TENANTS: everybodys}
    for one in overrides:
        if one.tenant_id != ALL_TENANTS:
            tables.setdefault(one.tenant_id, {})[one.subject] = _rule(one)
    return tables


def _rule(override: LimitOverride) -> PrefixRule:
    return PrefixRule(override.subject, allowed=override.amount > 0, limit=override.limit if override.amount else None)
