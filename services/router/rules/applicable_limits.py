"""Applicable limits: all that one submission counts in, put together from the limit book.

A submission counts in the limits of every channel that it may go by, those of its fallbacks too: whichever of them
it is sent by in the end, none is above its limit, and no denied number is reached by a detour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.router.rules import refusals
from services.router.rules.limit_book import LimitBook, PrefixRule
from services.router.rules.quota import ApplicableLimits, Bound, Kind, WindowLimit, address_key, tenant_key
from shared.channel.table import WITH_COPIES, Channel

#: Combinations of tenant, template and addresses whose limits are remembered.
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class ChannelAddress:
    """One channel that a submission may go by, and where to; no address: the user's devices."""

    channel: Channel
    address: str


@dataclass(frozen=True, slots=True)
class _SmsRule:
    prefix: PrefixRule
    price: int
    spend: WindowLimit | None


class LimitMatcher:
    """Finds the limits of submissions in one limit book."""

    def __init__(self, book: LimitBook) -> None:
        self._book = book
        self._applicable: dict[object, ApplicableLimits] = {}

    def applicable(
        self,
        tenant_id: str,
        template: str,
        addresses: Sequence[ChannelAddress],
        sms_segments: int = 1,
        copies: Sequence[str] = (),
    ) -> ApplicableLimits:
        """The limits of a submission that may go to ``addresses``, its own channel first; one object for equal rules
        without copies.

        By SMS it takes ``sms_segments``, each of which is paid for. Each of ``copies``, mail addresses, counts as one
        more for the tenant, and as one to its address.
        Raises :class:`shared.errors.PulseError` for a phone number that no SMS may go to.
        """
        limit, own_template = self._book.user_channel(tenant_id, template)
        rules = tuple([(to.channel, bool(to.address), self._sms_rule(tenant_id, to, sms_segments)) for to in addresses])
        which = (tenant_id, limit, own_template, rules)
        applicable = None if copies else self._applicable.get(which)
        if applicable is not None:
            return applicable
        bounds = [_user_channel(limit, own_template, channel) for channel, _, _ in rules]
        for channel, has_address, sms in rules:
            bounds += self._recipient(tenant_id, channel) if has_address else ()
            bounds += _sms(tenant_id, sms) if sms else ()
        bounds += self._copies(tenant_id, copies)
        applicable = ApplicableLimits((*bounds, *self._tenant(tenant_id, 1 + len(copies))))
        if not copies:  # hardly two have the same, and their addresses are nothing to be remembered
            if len(self._applicable) >= _MOST:
                self._applicable.clear()
            self._applicable[which] = applicable
        return applicable

    def _sms_rule(self, tenant_id: str, to: ChannelAddress, segments: int) -> _SmsRule | None:
        if not to.channel.facts.priced:
            return None
        prefix = self._book.sms_prefix(tenant_id, to.address)
        if not prefix.allowed:
            raise refusals.prefix_denied(to.channel, prefix.prefix)
        price = self._book.sms_price(to.address) * segments
        return _SmsRule(prefix, price, self._book.sms_spend(tenant_id) if price else None)

    def _recipient(self, tenant_id: str, channel: str) -> Iterator[Bound]:
        limit = self._book.recipient(tenant_id)
        if limit:
            yield Bound(Kind.RECIPIENT, limit, "to this address", channel=channel)

    def _copies(self, tenant_id: str, copies: Sequence[str]) -> Iterator[Bound]:
        limit = self._book.recipient(tenant_id) if copies else None
        if limit:
            for address in copies:
                key = address_key(tenant_id, WITH_COPIES, address)
                yield Bound(Kind.RECIPIENT, limit, "to the address of a copy", channel=WITH_COPIES, key=key)

    def _tenant(self, tenant_id: str, count: int) -> Iterator[Bound]:
        limit = self._book.tenant(tenant_id)
        if limit:
            key = tenant_key(Kind.TENANT, tenant_id, limit.seconds)
            yield Bound(Kind.TENANT, limit, "for this tenant", cost=count, key=key)


def _user_channel(limit: WindowLimit, template: str, channel: str) -> Bound:
    scope = "for this user, channel and template" if template else "for this user and channel"
    return Bound(Kind.USER_CHANNEL, limit, scope, channel=channel, template=template)


def _sms(tenant_id: str, sms: _SmsRule) -> Iterator[Bound]:
    prefix, limit = sms.prefix.prefix, sms.prefix.limit
    if limit:
        key = tenant_key(Kind.SMS_PREFIX, tenant_id, limit.seconds, prefix)
        yield Bound(Kind.SMS_PREFIX, limit, f"for SMS to {prefix}", key=key)
    if sms.spend:
        key = tenant_key(Kind.SMS_SPEND, tenant_id, sms.spend.seconds)
        yield Bound(Kind.SMS_SPEND, sms.spend, "for this tenant's SMS", cost=sms.price, key=key)
