"""What every provider is: it takes one notification and says how that ended."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from services.delivery.rules.asked import Asked
from shared.saying.said import NOTHING, Said


class File(NamedTuple):
    """A file that goes with an email."""

    filename: str
    content_type: str
    inline_id: str  # by which the HTML shows it; empty: it stands beside the text
    encoded: bytes  # in base64, lines of 76 signs ended by CR LF


class Decision(NamedTuple):
    """What was decided on the way, as the timeline tells it; without personal data."""

    rule: str
    result: str
    reason: str


class Copies(NamedTuple):
    """Who else gets an email: mail addresses."""

    cc: Sequence[str] = ()  # seen by all
    bcc: Sequence[str] = ()  # seen by nobody else


NO_COPIES = Copies()


class RegisteredSender(NamedTuple):
    """Who a notification comes from in the settings' place, as its tenant has registered it."""

    address: str
    display_name: str = ""  # of an email
    reply_to: str = ""  # of an email; empty: answers go to the address


class Outgoing(NamedTuple):
    """One rendered notification on its way to a provider."""

    notification_id: str
    tenant_id: str
    channel: str  # its name in the contract
    attempt: int  # from 1
    to: str
    subject: str
    body: str
    html_body: str  # empty: text only
    created_at: dt.datetime  # when it was accepted, UTC
    unsubscribe_url: str = ""  # one click of it unsubscribes (RFC 8058); empty: there is none
    urgent: bool = False  # it travels in HIGH
    ends_at: float | None = None  # of time.monotonic(): nobody wants it after this
    said: Said = NOTHING  # beside subject and text
    files: Sequence[File] = ()
    sender: RegisteredSender | None = None  # None: as the provider's settings say
    destination: bytes = b""  # where ``to`` leads, encrypted, by channels whose addresses are destinations' names
    asked: Asked | None = None  # what it was made of, for providers that pass it on
    locale: str = ""  # the language that was taken
    expires_time: dt.datetime | None = None  # what ends_at is by the ledger's clock, UTC
    told: Sequence[Decision] = ()  # what was decided before the call
    traceparent: str = ""  # W3C context of the call, for providers reached by HTTP; empty: not sampled
    device_token_id: str = ""  # which of several devices this goes to; empty: it goes to one address


class OutcomeKind(enum.Enum):
    """How a call ended; the names are those of the ledger's ``TimelineEvent.Outcome``."""

    #: There is one of each; the enum's own way is Python, and takes ten times as long.
    __hash__ = object.__hash__

    SUCCEEDED = enum.auto()  # the provider took it over
    TRANSIENT_FAILURE = enum.auto()  # it was surely not taken over, for a reason that may pass
    PERMANENT_FAILURE = enum.auto()  # it was surely not taken over, for a reason that will not pass
    UNANSWERED = enum.auto()  # it may have been taken over: bytes went out and no answer settles it
    RELEASED = enum.auto()  # the provider was not called


class Rejection(enum.Enum):
    """A provider's word on an address; the names are the ledger's. All but REFUSED last."""

    GONE = enum.auto()  # the address, number or device does not exist, or no longer
    REFUSED = enum.auto()  # it cannot be reached by this provider; it may be by another, or with other credentials
    OPTED_OUT = enum.auto()  # the recipient told the provider that he wants no more
    COMPLAINED = enum.auto()  # the recipient called it spam


class Cause(enum.Enum):
    """What a failure that may pass is about; the names are the ledger's. When to try again depends on it."""

    PROVIDER = enum.auto()  # the provider, or the way to it
    RECIPIENT = enum.auto()  # the recipient's side: a full mailbox, greylisting; it says nothing about the provider
    CONFIGURATION = enum.auto()  # Pulse's own settings, login, sender or address: it lasts until an operator acts


class Outcome(NamedTuple):
    """How an attempt ended. ``code`` and ``message`` hold no personal data: they are stored and shown."""

    kind: OutcomeKind
    provider_message_id: str = ""
    code: str = ""
    message: str = ""
    retry_after: float | None = None  # the provider asked not to be called again for so long, s
    rejection: Rejection | None = None
    cause: Cause = Cause.PROVIDER  # of a failure that may pass
    told: Sequence[Decision] = ()  # what was decided on the way
    about_address: bool = False  # it tells of this one address alone: nothing is held against the provider


def succeeded(provider_message_id: str) -> Outcome:
    """The provider took it over under this id."""
    return Outcome(OutcomeKind.SUCCEEDED, provider_message_id)


def transient(code: str, message: str, retry_after: float | None = None, *, cause: Cause = Cause.PROVIDER) -> Outcome:
    """Surely not taken over; worth another try."""
    return Outcome(OutcomeKind.TRANSIENT_FAILURE, "", code, message, retry_after, cause=cause)


def misconfigured(code: str, said: str, setting: str = "", retry_after: float | None = None) -> Outcome:
    """Surely not taken over, as nothing would be until an operator acts; ``setting`` says what to look at."""
    message = f"{said}: check Pulse's configuration" + (f": {setting}" if setting else "")
    return transient(code, message, retry_after, cause=Cause.CONFIGURATION)


def permanent(code: str, message: str, rejection: Rejection | None = None) -> Outcome:
    """Surely not taken over, and never will be."""
    return Outcome(OutcomeKind.PERMANENT_FAILURE, "", code, message, rejection=rejection)


def unbuildable(maker: str, error: Exception) -> Outcome:
    """No message can be made of the notification: its own fault, for good. ``maker`` says who tried.

    Of the error only its kind is told: its text may quote the recipient or what is sent.
    """
    said = f"no message can be made of the notification ({maker}: {type(error).__name__})"
    return permanent("MESSAGE_CANNOT_BE_BUILT", said)


def unanswered(code: str, message: str, retry_after: float | None = None) -> Outcome:
    """Perhaps taken over."""
    return Outcome(OutcomeKind.UNANSWERED, "", code, message, retry_after)


def released(code: str, message: str, retry_after: float | None = None) -> Outcome:
    """Handed back before the provider was called."""
    return Outcome(OutcomeKind.RELEASED, "", code, message, retry_after)


class Provider(Protocol):
    """A company or protocol that takes notifications of one channel over."""

    @property
    def name(self) -> str:
        """As routes spell it."""
        ...

    @property
    def channel(self) -> str:
        """The name, in the contract, of the channel that it serves."""
        ...

    @property
    def concurrency(self) -> int:
        """Calls that may be under way at once."""
        ...

    async def send(self, outgoing: Outgoing, deadline: float) -> Outcome:
        """Calls the provider once, until ``deadline`` (of ``time.monotonic()``) at the latest.

        Returns how it ended, and raises nothing that is the provider's doing.
        """
        ...

    async def close(self) -> None:
        """Closes what is open; no call is under way."""
        ...
