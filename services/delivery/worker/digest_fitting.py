"""Digests that cannot be told whole: as many of their entries are told as fit.

Each entry was accepted by itself; together they may take longer than a template may, or be more than an SMS or a push
holds, and one that was meant for another template may lack what this one asks for. None of that must lose the rest:
what cannot be told even alone is left out, and counted among what is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from services.delivery.rules.claim import ClaimedNotification
from shared.channel.sent_texts import body_of
from shared.channel.table import Channel
from shared.saying.layers import laid
from shared.saying.said import said
from shared.text.rendering import CompiledTemplate, Rendered, RenderError
from shared.text.sms_segments import measure
from shared.turns import Turns

_VARIABLE = "digest"
#: Longest time for trying entries alone, and then together, s: a thousand that each take long must not take a lease.
_LONGEST_SECONDS = 1.0


async def render(
    template: CompiledTemplate, claim: ClaimedNotification, context: Mapping[str, Any], turns: Turns | None = None
) -> Rendered:
    """What ``claim`` says, with fewer of its digest's entries if it must be; raises :class:`RenderError`.

    What may take long waits for one of ``turns``.
    """
    problem: RenderError | None = None
    whole: Rendered | None = None
    try:
        whole = await _whole(template, claim, context, turns)
        if _is_carried(claim, whole):
            return whole
    except RenderError as error:
        problem = error
    telling = _Telling(template, claim, context)
    if len(telling.entries) > 1:
        # Beside this loop, as it takes as long as some ten others.
        fewer = await asyncio.to_thread(telling.fewer)
        if fewer is not None:
            return fewer
    if whole is None:
        assert problem is not None  # noqa: S101 -- one of the two there is
        raise problem
    return whole  # its provider says what is wrong


async def _whole(
    template: CompiledTemplate, claim: ClaimedNotification, context: Mapping[str, Any], turns: Turns | None
) -> Rendered:
    if turns is None or template.is_quick(claim.channel, claim.asked.locale, context):
        return template.render(claim.channel, claim.asked.locale, context)
    return await turns.take(claim.tenant_id, partial(template.render, claim.channel, claim.asked.locale, context))


class _Telling:
    """One digest, told with some of its entries or others."""

    def __init__(self, template: CompiledTemplate, claim: ClaimedNotification, context: Mapping[str, Any]) -> None:
        self._template = template
        self._claim = claim
        self._digest = _digest(context)
        self._ends_at = time.monotonic() + _LONGEST_SECONDS
        self.entries: Sequence[dict[str, Any]] = self._digest.get("entries", ())
        of_first = self.entries[0].keys() if self.entries else ()
        self._shared = {name: value for name, value in context.items() if name not in of_first}

    def fewer(self) -> Rendered | None:
        """The oldest entries, as many as can be told, without those that cannot be even alone; None: there is none."""
        tellable = self._tellable(self.entries)
        self._ends_at = time.monotonic() + _LONGEST_SECONDS
        return self._told(tellable) or self._oldest(tellable)

    def _tellable(self, entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Of entries that cannot be told together, those that can alone, or beside neighbours of theirs.

        By halves: what can be told together need not be tried one by one.
        """
        if len(entries) == 1:
            return []
        half = len(entries) // 2
        return [
            entry
            for part in (entries[:half], entries[half:])
            for entry in (part if self._told(part) else self._tellable(part))
        ]

    def _oldest(self, entries: Sequence[dict[str, Any]]) -> Rendered | None:
        """As many as can be told, of entries that cannot be told all together."""
        best, least, most = None, 1, len(entries) - 1
        while least <= most:
            count = (least + most + 1) // 2
            told = self._told(entries[:count])
            if told is None:
                most = count - 1
            else:
                best, least = told, count + 1
        return best

    def _told(self, entries: Sequence[dict[str, Any]]) -> Rendered | None:
        """With these entries, and the first one's own variables; None if that cannot be, or there is no time to try."""
        if not entries or time.monotonic() > self._ends_at:
            return None
        digest = {**self._digest, "omitted": self._digest["count"] - len(entries), "entries": entries}
        try:
            context = {**self._shared, **entries[0], _VARIABLE: digest}
            rendered = self._template.render(self._claim.channel, self._claim.asked.locale, context)
        except RenderError:
            return None
        return rendered if _is_carried(self._claim, rendered) else None


def _digest(context: Mapping[str, Any]) -> dict[str, Any]:
    """What the ledger put together; empty if it did not, as a caller's own variable may be called so."""
    digest = context.get(_VARIABLE)
    if not isinstance(digest, dict) or digest.keys() != {"count", "omitted", "entries"}:
        return {}
    entries = digest["entries"]
    return digest if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries) else {}


def _is_carried(claim: ClaimedNotification, rendered: Rendered) -> bool:
    """Whether its channel can carry it, in as few segments as are asked for."""
    channel = Channel.named(claim.channel)
    bound = channel.facts.bound if channel else None
    subject = claim.asked.subject or rendered.subject
    if channel is None or bound is None:
        return True
    beside = said(laid(rendered.said, claim.said))
    body, most = body_of(channel, rendered.body, beside), beside.sms.max_segments
    if most is not None and channel.facts.in_segments and measure(body).segments > most:
        return False
    return bound.is_kept(claim.notification_id, subject, body, beside)
