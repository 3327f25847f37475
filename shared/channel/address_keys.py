"""What makes two addresses the same recipient's, wherever an address is looked for, counted or compared."""

from __future__ import annotations

from shared.channel.table import Address, Channel


def address_key(channel: str | None, address: str) -> str:
    """Equal for addresses that are one mailbox, phone or device; not to be sent to.

    ``channel`` None: not known, and told by the address. A mail address is one in upper and lower case alike: the part
    before the @ could differ by it (RFC 5321, section 2.4), but of the servers that people use none does, and whoever
    asked to be left alone means all of them. Nothing else is the same: neither dots nor what follows a +. Domains are
    A-labels already, as the gateway takes no others. A device's token differs by case.
    """
    known = Channel.named(channel) if channel else None
    kind = known.facts.address if known else Address.looks_like(address) if channel is None else None
    return address.casefold() if kind is Address.MAILBOX else address
