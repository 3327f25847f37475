"""Copies of an email: who else gets it, seen by all or by nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.gateway.rules.addresses import Addresses
from shared.channel.address_keys import address_key
from shared.channel.table import WITH_COPIES, Address
from shared.errors import PulseError, invalid_field
from shared.saying.said import Email

#: Most of an email, both kinds together.
MOST = 20


class Copies(NamedTuple):
    """Addresses as they are sent to, each of them once."""

    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()

    @property
    def all(self) -> list[str]:
        """Both kinds."""
        return [*self.cc, *self.bcc]

    def without(self, left_out: frozenset[str]) -> Copies:
        """The others."""
        return Copies(*([one for one in kind if one not in left_out] for kind in self))


NONE = Copies()


def refusals(email: Email, addresses: Addresses, path: str) -> Iterator[PulseError]:
    """What keeps them from being sent; an address that is empty is none."""
    count = sum(1 for one in (*email.cc, *email.bcc) if one)
    if count > MOST:
        description = f"and bcc together name {count} addresses; at most {MOST} get a copy"
        yield invalid_field(f"{path}.{'cc' if email.cc else 'bcc'}", "TOO_MANY_COPIES", description)
    for name, kind in (("cc", email.cc), ("bcc", email.bcc)):
        for n, one in enumerate(kind[: 2 * MOST]):
            try:
                if one:
                    addresses.normalise(Address.MAILBOX, one, f"{path}.{name}[{n}]")
            except PulseError as error:
                yield error


def of(email: Email, to: str, addresses: Addresses) -> Copies:
    """Those of an email that keeps the rules, to ``to``: who stands twice, or gets it anyway, gets no second one."""
    seen = {address_key(WITH_COPIES, to)}
    return Copies(*(list(_new(kind, seen, addresses)) for kind in (email.cc, email.bcc)))


def _new(kind: Sequence[str], seen: set[str], addresses: Addresses) -> Iterator[str]:
    for one in filter(None, kind):
        normalised = addresses.normalise(Address.MAILBOX, one)
        key = address_key(WITH_COPIES, normalised)
        if key not in seen:
            seen.add(key)
            yield normalised
