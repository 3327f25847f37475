"""Templates as sends need them: looked up by name in the ledger, compiled, and remembered for a moment."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pulse.common.v1 import template_pb2
from pulse.ledger.v1 import ledger_reader_pb2
from services.gateway import wire
from services.gateway.peers import ask
from shared.channel.texts import texts
from shared.errors import Code, PulseError, not_found
from shared.fetched import Fetched
from shared.kept import Kept
from shared.rpc import deadlines
from shared.text.rendering import CompiledTemplate, RenderError

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
#: Longest time a look-up may take, s; it belongs to all who wait for it, so no caller's deadline cuts it.
_LOOK_UP_SECONDS = 5.0

_Key = tuple[str, str]  # tenant id, name


@dataclass(frozen=True)
class PinnedTemplate:
    """One version of a template, ready to be checked and rendered."""

    stored: template_pb2.Template
    compiled: CompiledTemplate

    @cached_property
    def carried(self) -> Mapping[str, Any]:
        """What it adds to a request as it stands there."""
        return wire.carried(self.stored)

    @property
    def weight(self) -> int:
        """About how much memory it takes, bytes."""
        return self.stored.ByteSize() + self.compiled.weight

    def refusal(self, error: RenderError, channel_field: str = "channel") -> PulseError:
        """Why the template cannot be sent with a context, or at all; ``channel_field`` holds the channel."""
        if error.reason in ("TEMPLATE_SYNTAX", "TEMPLATE_TOO_LARGE"):
            # Possible only if the rules were narrowed since it was stored.
            return PulseError(Code.FAILED_PRECONDITION, "TEMPLATE_UNUSABLE", f"template {self.stored.name}: {error}")
        return wire.render_refusal(error, channel_field)


class TemplateCatalogue:
    """The templates of the ledger.

    The newest version of a name is asked for again after ``fresh_seconds``; many who ask at once share one
    look-up. Compiled versions never change and are kept, at most ``capacity`` of them and ``most_bytes`` in memory.
    """

    def __init__(
        self,
        reader: LedgerReaderAsyncStub,
        *,
        fresh_seconds: float,
        capacity: int = 1000,
        most_bytes: int = 64 * 2**20,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._newest: Fetched[_Key, PinnedTemplate] = Fetched(
            self._look_up,
            capacity,
            most_bytes,
            lambda pinned: pinned.weight,
            fresh_seconds=fresh_seconds,
            monotonic=monotonic,
        )
        self._compiled: Kept[tuple[str, str, int, int], PinnedTemplate] = Kept(
            capacity, most_bytes, lambda pinned: pinned.weight
        )

    def known(self, tenant_id: str, name: str) -> PinnedTemplate | None:
        """The version in effect, if nobody need be asked for it."""
        return self._newest.kept((tenant_id, name))

    async def newest(self, tenant_id: str, name: str) -> PinnedTemplate:
        """The version in effect; NOT_FOUND with reason TEMPLATE_NOT_FOUND."""
        known = self.known(tenant_id, name)
        if known is not None:
            return known
        try:
            async with asyncio.timeout(deadlines.remaining()):
                return await self._newest.get((tenant_id, name))
        except TimeoutError:
            raise PulseError(Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "no answer before the deadline") from None

    async def at_version(self, tenant_id: str, name: str, version: int) -> PinnedTemplate:
        """A given version, also of a template out of use, or with 0 the newest straight from the ledger."""
        require_possible(name, "template")
        request = ledger_reader_pb2.GetTemplateRequest(tenant_id=tenant_id, name=name, version=version)
        response = await ask(self._reader.GetTemplate, request)
        return self._pin(tenant_id, response.template)

    def forget(self, tenant_id: str, name: str) -> None:
        """Drops what is remembered of the newest version, after a change made here."""
        self._newest.forget((tenant_id, name))

    async def _look_up(self, key: _Key) -> PinnedTemplate:
        deadlines.start(None, longest=_LOOK_UP_SECONDS)
        return await self.at_version(*key, version=0)

    def _pin(self, tenant_id: str, stored: template_pb2.Template) -> PinnedTemplate:
        """The version compiled; its time of making tells it from a namesake made after a deletion."""
        key = (tenant_id, stored.name, stored.version, stored.update_time.ToNanoseconds())
        pinned = self._compiled.get(key)
        if pinned is None:
            # Each text is parsed when it is first wanted, as heavy work is done in turns.
            pinned = PinnedTemplate(
                stored,
                CompiledTemplate(texts(stored.contents, stored.default_locale), stored.default_locale, lazily=True),
            )
            self._compiled.put(key, pinned)
        return pinned


def require_possible(name: str, what: str) -> None:
    """NOT_FOUND for a name that no template or fragment can have, so that the ledger is never asked for it."""
    if not _NAME.fullmatch(name):
        raise not_found(what, name)
