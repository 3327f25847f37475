"""What a tenant may register as a sender: nothing that could be taken for more than an address and a name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from services.gateway.rules.addresses import Addresses
from shared.channel import sender_addresses
from shared.channel.table import Address, Channel, SenderKind
from shared.errors import Code, PulseError, invalid_field, together
from shared.text.error_bounds import quoted

#: What a sender can be called; no other name is ever asked for.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
#: Line ends of every kind, and what is not seen or turns the text around it: a name must look like what it is.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def checked(channel: Channel, address: str, display_name: str, reply_to: str, addresses: Addresses) -> tuple[str, str]:
    """Address and reply_to as they are kept. Raises INVALID_ARGUMENT that names all that cannot be."""
    kind = channel.facts.sender
    if kind is None:
        raise invalid_field("sender.channel", "SENDER_CHANNEL", f"is one without senders: {channel}")
    refusals: list[PulseError] = []
    kept = []
    for look in (
        partial(_address, kind, address, addresses),
        partial(_reply_to, kind, reply_to, addresses),
    ):
        try:
            kept.append(look())
        except PulseError as error:
            refusals.append(error)
    refusals += _display_name(kind, display_name)
    if refusals:
        raise together(refusals)
    return kept[0], kept[1]


def checked_name(name: str, field: str) -> str:
    """The name of a sender in a request or template, as it may be asked for.

    Raises INVALID_ARGUMENT for one with control characters, and PERMISSION_DENIED for one that no sender can have.
    """
    if _CONTROL.search(name):
        raise invalid_field(field, "CONTROL_CHARACTER", "holds a line break or a control character")
    if not NAME.fullmatch(name):
        raise unknown(name, field)
    return name


def unknown(name: str, field: str) -> PulseError:
    """PERMISSION_DENIED: nobody may send as who is not registered."""
    return PulseError(
        Code.PERMISSION_DENIED,
        "SENDER_UNKNOWN",
        f"{field}: there is no sender {quoted(name)}",
        hint="senders are registered by those who administer; GET /v1/senders lists them",
        metadata={"field": field},
    )


def wrong_channel(name: str, channel: Channel | None, field: str) -> PulseError:
    """INVALID_ARGUMENT: it cannot be sent from there."""
    description = (
        f"names {quoted(name)}, which is a sender of {channel or 'another channel'}, and nothing is to go by that"
    )
    return invalid_field(field, "SENDER_WRONG_CHANNEL", description)


def _address(kind: SenderKind, address: str, addresses: Addresses) -> str:
    if kind is SenderKind.MAILBOX:
        return addresses.normalise(Address.MAILBOX, address, "sender.address")
    if _CONTROL.search(address):
        raise invalid_field("sender.address", "CONTROL_CHARACTER", "holds a line break or a control character")
    fits = sender_addresses.is_text_sender(address) if kind is SenderKind.TEXT else _is_number_or_service(address)
    if not fits:
        raise invalid_field("sender.address", "SENDER_ADDRESS_INVALID", f"is not {kind.value}")
    return address


def _is_number_or_service(address: str) -> bool:
    return sender_addresses.is_number(address) or sender_addresses.is_messaging_service(address)


def _reply_to(kind: SenderKind, reply_to: str, addresses: Addresses) -> str:
    if not reply_to:
        return ""
    if kind is not SenderKind.MAILBOX:
        raise _of_emails_alone("sender.reply_to")
    return addresses.normalise(Address.MAILBOX, reply_to, "sender.reply_to")


def _display_name(kind: SenderKind, name: str) -> Iterator[PulseError]:
    if name and kind is not SenderKind.MAILBOX:
        yield _of_emails_alone("sender.display_name")
    elif _UNSEEN.search(name):
        description = "holds a line break, a control character, or one that is not seen or turns the text"
        yield invalid_field("sender.display_name", "CONTROL_CHARACTER", description)
    elif name and not name.strip():
        yield invalid_field("sender.display_name", "SENDER_DISPLAY_NAME_EMPTY", "holds nothing but spaces")


def _of_emails_alone(field: str) -> PulseError:
    return invalid_field(field, "SENDER_EMAIL_ONLY", "is for senders of EMAIL alone")
