"""Senders as sends need them: asked of the ledger by name, or for a channel's default, and remembered for a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pulse.common.v1 import notification_pb2, sender_pb2
from pulse.ledger.v1 import ledger_reader_pb2
from services.gateway.peers import ask
from services.gateway.rules import sender_rules
from services.gateway.rules.channel_addresses import ChannelAddress
from shared.channel.numbers import channel_of, number_of
from shared.channel.table import Channel
from shared.errors import Code, PulseError
from shared.fetched import Fetched
from shared.rpc import deadlines
from shared.text.rendering import CompiledTemplate, Text

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

#: Longest time a look-up may take, s; it belongs to all who wait for it, so no caller's deadline cuts it.
_LOOK_UP_SECONDS = 5.0
#: About how much memory one takes beside its own bytes, bytes.
_AROUND = 500


class _Key(NamedTuple):
    """Which: by name or, without one, a channel's default."""

    tenant_id: str
    name: str
    channel: Channel | None


class _Found(NamedTuple):
    """What there is; None is an answer too, and remembered."""

    sender: sender_pb2.Sender | None


class _Choice(NamedTuple):
    """A sender, and why it is this one."""

    sender: sender_pb2.Sender
    why: str

    def decision(self) -> notification_pb2.Decision:
        """For the timeline."""
        return notification_pb2.Decision(rule="sender", result=self.sender.name, reason=self.why)


class Pinned(NamedTuple):
    """The senders of one notification, and for the timeline why it is these."""

    senders: Sequence[sender_pb2.Sender]
    decisions: Sequence[notification_pb2.Decision]


#: What most notifications have.
NONE = Pinned((), ())


class Senders:
    """The senders of the ledger. Each is asked for again after ``fresh_seconds``; at most ``capacity`` are kept."""

    def __init__(
        self,
        reader: LedgerReaderAsyncStub,
        *,
        fresh_seconds: float,
        capacity: int = 10_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._fetched: Fetched[_Key, _Found] = Fetched(
            self._look_up,
            capacity,
            16 * 2**20,
            lambda found: _AROUND + (found.sender.ByteSize() if found.sender else 0),
            fresh_seconds=fresh_seconds,
            monotonic=monotonic,
        )

    async def pinned(
        self, tenant_id: str, asked: str, wanted: Sequence[ChannelAddress], template: CompiledTemplate, locale: str
    ) -> Pinned:
        """Who it comes from by each channel: as ``asked`` by the request, the template, or the channel's default.

        Raises PERMISSION_DENIED for a name that is not registered, INVALID_ARGUMENT for one of a channel that is not
        wanted, or not the template's content's own.
        """
        named = await self.of_name(tenant_id, asked, "sender") if asked else None
        if named and all(one.channel != channel_of(named.channel) for one in wanted):
            raise sender_rules.wrong_channel(asked, channel_of(named.channel), "sender")
        pinned: list[_Choice] = []
        for one in wanted:
            if one.channel.facts.sender is None:
                continue
            if named and channel_of(named.channel) == one.channel:
                pinned.append(_Choice(named, f"{one.channel}: the request names it"))
            elif choice := await self._by_itself(tenant_id, one.channel, template, locale):
                pinned.append(choice)
        return Pinned([one.sender for one in pinned], [one.decision() for one in pinned]) if pinned else NONE

    async def of_name(self, tenant_id: str, name: str, field: str) -> sender_pb2.Sender:
        """The sender that ``field`` names; raises PERMISSION_DENIED if there is none."""
        found = await self._find(_Key(tenant_id, sender_rules.checked_name(name, field), None))
        if found is None:
            raise sender_rules.unknown(name, field)
        return found

    async def check(self, tenant_id: str, texts: Sequence[Text], path: str) -> None:
        """Raises what keeps a template's contents, which stand at ``path``, from coming from whom they name."""
        for n, text in enumerate(texts):
            if text.sender:
                field = f"{path}[{n}].sender"
                channel = channel_of((await self.of_name(tenant_id, text.sender, field)).channel)
                if text.channel not in ("", channel):
                    raise sender_rules.wrong_channel(text.sender, channel, field)

    def forget(self, tenant_id: str, changed: sender_pb2.Sender) -> None:
        """Drops what is remembered of one that was changed here, and of its channel's default."""
        self._fetched.forget(_Key(tenant_id, changed.name, None))
        self._fetched.forget(_Key(tenant_id, "", channel_of(changed.channel)))

    async def _by_itself(
        self, tenant_id: str, channel: Channel, template: CompiledTemplate, locale: str
    ) -> _Choice | None:
        """Who it comes from by a channel if the request names nobody for it."""
        text = template.text(channel, locale)
        if text.sender:
            named = await self.of_name(tenant_id, text.sender, "template.sender")
            if channel_of(named.channel) == channel:
                return _Choice(named, f"{channel}: the template names it")
            if text.channel:
                raise sender_rules.wrong_channel(text.sender, channel_of(named.channel), "template.sender")
        default = await self._find(_Key(tenant_id, "", channel))
        return _Choice(default, f"{channel}: it is the tenant's default") if default else None

    async def _find(self, key: _Key) -> sender_pb2.Sender | None:
        found = self._fetched.kept(key)
        if found is None:
            try:
                async with asyncio.timeout(deadlines.remaining()):
                    found = await self._fetched.get(key)
            except TimeoutError:
                raise PulseError(Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "no answer before the deadline") from None
        return found.sender

    async def _look_up(self, key: _Key) -> _Found:
        deadlines.start(None, longest=_LOOK_UP_SECONDS)
        request = ledger_reader_pb2.FindSenderRequest(
            tenant_id=key.tenant_id, name=key.name, channel=number_of(key.channel)
        )
        try:
            answer = await ask(self._reader.FindSender, request)
        except PulseError as error:
            if error.code is Code.UNIMPLEMENTED:  # a ledger of the release before, which keeps none
                return _Found(None)
            raise
        return _Found(answer.sender if answer.HasField("sender") else None)
