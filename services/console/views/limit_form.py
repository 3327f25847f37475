"""The form that sets a limit, and what its fields mean for each kind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple
from urllib.parse import urlencode

from pulse_client.calls import Call
from pulse_client.calls_operations import set_limit
from pulse_client.enums import LimitKind
from pulse_client.operations import Limit
from services.console.web.field_error import FieldError

#: Lengths of time that a window is given in, longest first, s.
UNITS: Mapping[str, int] = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
#: What the API calls the fields, and what the form does.
FIELDS: Mapping[str, str] = {f"limit.{name}": name for name in ("kind", "subject", "amount", "window", "tenant_id")}


class Meaning(NamedTuple):
    """What a kind limits, and what its subject is; a subject of "" is to be left empty."""

    limits: str
    subject: str


KINDS: Mapping[LimitKind, Meaning] = {
    LimitKind.USER_CHANNEL: Meaning("Notifications to one user by one channel", "template, or empty for all"),
    LimitKind.RECIPIENT: Meaning("Notifications to one address by one channel", ""),
    LimitKind.TENANT: Meaning("Notifications of the whole tenant", ""),
    LimitKind.SMS_PREFIX: Meaning(
        "SMS to a country or region; 0 denies it, any other amount without a window allows it", "prefix, +49 say"
    ),
    LimitKind.SMS_SPEND: Meaning("What SMS may cost, in millionths of the currency of the prices", ""),
    LimitKind.PROVIDER: Meaning("Calls to a provider by all tenants; what is above waits", "provider"),
    LimitKind.FAIR_SHARE: Meaning("The tenant's weight beside others that wait, 1 to 1,000; no window", ""),
}


@dataclass(frozen=True)
class LimitForm:
    """The fields as they were typed."""

    kind: str = LimitKind.USER_CHANNEL.value
    subject: str = ""
    amount: str = ""
    window: str = "1"
    unit: str = "minutes"
    tenant_id: str = ""

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> LimitForm:
        """From a page's address or a form; what it does not name has its default."""
        return cls(**{name: fields[name].strip() for name in cls.__dataclass_fields__ if name in fields})

    @classmethod
    def of(cls, limit: Limit) -> LimitForm:
        """That would set the same limit again."""
        seconds = limit.window.total_seconds() if limit.window else 0.0
        unit, length = next(((unit, size) for unit, size in UNITS.items() if seconds and seconds % size == 0), ("", 1))
        window = f"{seconds / length:g}" if seconds else ""
        return cls(
            limit.kind, limit.subject, str(limit.amount), window, unit or "seconds", owner(limit.kind, limit.tenant_id)
        )

    def query(self) -> str:
        """The query of the page whose form is filled in like this."""
        return urlencode(asdict(self))

    def call(self) -> Call[Limit]:
        """SetLimit; raises :class:`FieldError`."""
        return set_limit(self._kind(), self._amount(), self._window(), subject=self.subject, tenant_id=self.tenant_id)

    def _kind(self) -> LimitKind:
        if self.kind not in {kind.value for kind in KINDS}:
            raise FieldError("kind", "is no kind of limit")
        return LimitKind(self.kind)

    def _amount(self) -> int:
        if not self.amount.isdecimal() or len(self.amount) > 18:
            raise FieldError("amount", "must be a whole number")
        return int(self.amount)

    def _window(self) -> dt.timedelta | None:
        if not self.window:
            return None
        try:
            return dt.timedelta(seconds=float(self.window) * UNITS.get(self.unit, 1))
        except (ValueError, OverflowError):
            raise FieldError("window", "must be a number") from None


def owner(kind: LimitKind, tenant_id: str) -> str:
    """How the API names whose limit is meant: ``*`` for all, and nobody for a kind that is always of all."""
    return "" if kind is LimitKind.PROVIDER else tenant_id or "*"
