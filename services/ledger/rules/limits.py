"""Limits that operators set while Pulse runs, and what each kind may have. Pure rules."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import NamedTuple

from services.ledger.rules.words import Word
from shared.channel.provider_names import PATTERN
from shared.errors import Violation


class Kind(Word):
    """What is limited; the contract (``pulse/common/v1/limit.proto``) says what subject and amount mean."""

    UNSPECIFIED = "UNSPECIFIED"
    USER_CHANNEL = "USER_CHANNEL"
    RECIPIENT = "RECIPIENT"
    TENANT = "TENANT"
    SMS_PREFIX = "SMS_PREFIX"
    SMS_SPEND = "SMS_SPEND"
    PROVIDER = "PROVIDER"
    FAIR_SHARE = "FAIR_SHARE"


class Limit(NamedTuple):
    """One limit; the order is that of the store's columns."""

    #: Whose; empty: of all.
    tenant_id: str
    kind: Kind
    subject: str
    amount: int
    #: Its length in s; 0: none.
    window: float
    actor: str = ""
    #: When it was set; None before it is stored.
    updated_at: dt.datetime | None = None
    #: The id it is stored under; empty before.
    stored_id: str = ""

    @property
    def limit_id(self) -> str:
        """Names it among its tenant's."""
        return self.stored_id or self.kind.lower() + (f":{self.subject}" if self.subject else "")


class _Rule(NamedTuple):
    """What limits of one kind may have."""

    subject: re.Pattern[str]
    subject_is: str
    least: int
    most: int | None = None
    #: True: must have one; False: must not; None: may.
    window: bool | None = True
    #: True: belongs to one tenant; False: to all together; None: to either.
    of_tenant: bool | None = None


_NO_SUBJECT = re.compile("")
_EMPTY = "must be empty for this kind"
#: Every admission in a window is remembered: more of one user's are not a limit worth keeping.
_MOST_REMEMBERED = 100_000

_RULES = {
    Kind.USER_CHANNEL: _Rule(
        re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,99})?"), "must be a template's name, or empty", 1, _MOST_REMEMBERED
    ),
    Kind.RECIPIENT: _Rule(_NO_SUBJECT, _EMPTY, 1, _MOST_REMEMBERED),
    Kind.TENANT: _Rule(_NO_SUBJECT, _EMPTY, 1),
    Kind.SMS_PREFIX: _Rule(
        re.compile(r"\+[1-9][0-9]{0,14}"), 'must be the beginning of a number in E.164, "+49" say', 0, window=None
    ),
    Kind.SMS_SPEND: _Rule(_NO_SUBJECT, _EMPTY, 0),
    Kind.PROVIDER: _Rule(re.compile(PATTERN), "must be a provider's name", 1, of_tenant=False),
    Kind.FAIR_SHARE: _Rule(_NO_SUBJECT, _EMPTY, 1, 1_000, window=False, of_tenant=True),
}


def violations(limit: Limit) -> Iterator[Violation]:
    """What its kind cannot have; nothing: it can be kept."""
    rule = _RULES[limit.kind]
    if not rule.subject.fullmatch(limit.subject):
        yield Violation("subject", rule.subject_is)
    if limit.amount < rule.least:
        yield Violation("amount", f"must be at least {rule.least}")
    if rule.most is not None and limit.amount > rule.most:
        yield Violation("amount", f"must be at most {rule.most:,}")
    if rule.window is True and not limit.window:
        yield Violation("window", "is required")
    if rule.window is False and limit.window:
        yield Violation("window", _EMPTY)
    if rule.of_tenant is True and not limit.tenant_id:
        yield Violation("tenant_id", "is required")
    if rule.of_tenant is False and limit.tenant_id:
        yield Violation("tenant_id", "must be empty: a limit of this kind is of all tenants together")
