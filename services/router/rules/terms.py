"""Terms: all limits that one submission counts in, put together from the limit book.

A submission counts in the limits of every channel that it may go by, those of its fallbacks too: whichever of them
it is sent by in the end, none is above its limit, and no denied number is reached by a detour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.router.rules import refusals
from services.router.rules.limit_book import LimitBook, PrefixRule
from services.router.rules.quota import Bound, Kind, Limit, Terms, tenant_key
from shared.channel.table import Channel

#: Combinations of tenant, template and ways whose terms are remembered.
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Way:
    """One channel that a submission may go by, and where to; no address: the user's devices."""

    channel: Channel
    address: str


@dataclass(frozen=True, slots=True)
class _SmsRule:
    prefix: PrefixRule
    price: int
    spend: Limit | None


class TermsBook:
    """The terms of submissions under one limit book."""

    def __init__(self, book: LimitBook) -> None:
        self._book = book
        self._terms: dict[object, Terms] = {}

    def terms(self, tenant_id: str, template: str, ways: Sequence[Way]) -> Terms:
        """The limits of a submission that may go by ``ways``, its own channel first; one object for equal rules.

        Raises :class:`shared.errors.PulseError` for a phone number that no SMS may go to.
        """
        limit, own_template = self._book.user_channel(tenant_id, template)
        rules = tuple([(way.channel, bool(way.address), self._sms_rule(tenant_id, way)) for way in ways])
        which = (tenant_id, limit, own_template, rules)
        terms = self._terms.get(which)
        if terms is None:
            if len(self._terms) >= _MOST:
                self._terms.clear()
            bounds = [_user_channel(limit, own_template, channel) for channel, _, _ in rules]
            for channel, has_address, sms in rules:
                bounds += self._recipient(tenant_id, channel) if has_address else ()
                bounds += _sms(tenant_id, sms) if sms else ()
            terms = self._terms[which] = Terms((*bounds, *self._tenant(tenant_id)))
        return terms

    def _sms_rule(self, tenant_id: str, way: Way) -> _SmsRule | None:
        if not way.channel.facts.priced:
            return None
        prefix = self._book.sms_prefix(tenant_id, way.address)
        if not prefix.allowed:
            raise refusals.prefix_denied(way.channel, prefix.prefix)
        price = self._book.sms_price(way.address)
        return _SmsRule(prefix, price, self._book.sms_spend(tenant_id) if price else None)

    def _recipient(self, tenant_id: str, channel: str) -> Iterator[Bound]:
        limit = self._book.recipient(tenant_id)
        if limit:
            yield Bound(Kind.RECIPIENT, limit, "to this address", channel=channel)

    def _tenant(self, tenant_id: str) -> Iterator[Bound]:
        limit = self._book.tenant(tenant_id)
        if limit:
            yield Bound(Kind.TENANT, limit, "for this tenant", key=tenant_key(Kind.TENANT, tenant_id, limit.seconds))


def _user_channel(limit: Limit, template: str, channel: str) -> Bound:
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
