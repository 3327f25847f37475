"""From a request to a submission: every rule that can be decided at the door, and the template pinned."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from pulse.common.v1 import asked_pb2, notification_pb2
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.router.v1 import router_service_pb2 as router_pb2
from services.gateway import wire
from services.gateway.door.auth import Caller
from services.gateway.door.headers import Headers
from services.gateway.rules import (
    carrying,
    channel_addresses,
    context,
    digests,
    fingerprint,
    idempotency,
    labels,
    times,
)
from services.gateway.rules.addresses import Addresses
from services.gateway.rules.channel_addresses import ChannelAddress
from services.gateway.sending.heavy_work import HeavyWork
from services.gateway.sending.plainly_valid import plainly_valid
from services.gateway.sending.templates import PinnedTemplate, TemplateCatalogue
from shared.channel.table import Channel
from shared.clock import Clock
from shared.ids import uuid7
from shared.observe import tracing
from shared.rpc.former import Former
from shared.rpc.validation import check
from shared.text.rendering import RenderError
from shared.times import to_timestamp

_FORMER = Former(router_pb2.Submission)


class Draft(NamedTuple):
    """A request whose own words are in order, whatever time, template and address will say to it."""

    request: api.SendNotificationRequest
    idempotency_key: str
    fingerprint: bytes
    context: dict[str, Any]
    context_json: str
    send_at: dt.datetime | None
    expires_at: dt.datetime | None


class Acceptance:
    """The rules of the front door. ``trace_ratio`` is the share of untraced requests that are sampled."""

    def __init__(
        self,
        templates: TemplateCatalogue,
        addresses: Addresses,
        clock: Clock,
        *,
        trace_ratio: float,
        heavy: HeavyWork | None = None,
    ) -> None:
        self._templates = templates
        self._addresses = addresses
        self._clock = clock
        self._trace_ratio = trace_ratio
        self._heavy = heavy or HeavyWork()

    def read(self, request: api.SendNotificationRequest, keys: Sequence[str]) -> Draft:
        """What can be told from the request alone; ``keys`` are the Idempotency-Key headers. INVALID_ARGUMENT."""
        idempotency_key = idempotency.resolve(request.idempotency_key, keys)
        if not plainly_valid(request):
            check(request)
        labels.check(request.metadata)
        variables = wire.variables(request.context)
        context_json = context.canonical(variables)
        return Draft(
            request,
            idempotency_key,
            fingerprint.of(wire.asked(request), context_json),
            variables,
            context_json,
            wire.moment(request, "send_at"),
            wire.moment(request, "expires_at"),
        )

    async def complete(self, caller: Caller, draft: Draft, headers: Headers) -> router_pb2.Submission:
        """The submission; INVALID_ARGUMENT or NOT_FOUND where time, template, channel or address say no."""
        request = draft.request
        template = await self._templates.newest(caller.tenant_id, request.template_name)
        stored = template.stored
        expires_at = self._expiry(draft)
        channel = request.channel or stored.channel
        first, *rest = channel_addresses.normalise(self._addresses, _wanted(request, channel))
        await self._check_texts(caller.tenant_id, [first, *rest], draft, template)
        decided = {
            "template_name": stored.name,
            "template_version": stored.version,
            "channel": channel,
            "to": first.address,
            "fallbacks": [_fallback(one, there.address) for one, there in zip(request.fallbacks, rest, strict=True)],
            "context_json": draft.context_json,
            "idempotency_key": draft.idempotency_key,
            "expires_at": to_timestamp(expires_at),
        }
        asked = asked_pb2.Asked(**wire.carried(request, stored) | decided)
        return router_pb2.Submission(
            notification_id=uuid7(self._clock.now()),
            tenant_id=caller.tenant_id,
            asked=asked,
            fingerprint=draft.fingerprint,
            requested_priority=request.priority,
            template_priority=stored.priority,
            traceparent=self._traceparent(headers),
            validate_only=request.validate_only,
            **_FORMER.fields(asked),
        )

    async def _check_texts(
        self, tenant_id: str, wanted: Sequence[ChannelAddress], draft: Draft, template: PinnedTemplate
    ) -> None:
        """Refuses what could not be rendered for each of the channels, or not be carried by it."""
        given, request = draft.context, draft.request
        if template.stored.HasField("digest_window"):
            digests.refuse_own(given)
            given = digests.with_digest(given)
        for one in wanted:
            check_it = partial(_check_text, one.channel, request, given, template)
            try:
                if template.compiled.is_quick(one.channel, request.locale, given):
                    check_it()
                else:
                    await self._heavy.do(tenant_id, check_it)
            except RenderError as error:
                raise template.refusal(error, one.field("channel")) from None

    def _expiry(self, draft: Draft) -> dt.datetime | None:
        now = self._clock.now()
        times.check_send_at(now, draft.send_at)
        ttl = draft.request.ttl.ToTimedelta() if draft.request.HasField("ttl") else None
        return times.expiry(now, draft.send_at, draft.expires_at, ttl)

    def _traceparent(self, headers: Headers) -> str:
        span = tracing.current()
        if span is not None:
            return span.traceparent
        given = tracing.accept(headers.traceparent[0]) if len(headers.traceparent) == 1 else ""
        return given or tracing.new_trace(self._trace_ratio)


def _wanted(request: api.SendNotificationRequest, channel: int) -> list[ChannelAddress]:
    fallbacks = [
        ChannelAddress(wire.channel(fallback.channel, f"fallbacks[{n}].channel"), fallback.to, f"fallbacks[{n}]")
        for n, fallback in enumerate(request.fallbacks)
    ]
    return [ChannelAddress(wire.channel(channel), request.to), *fallbacks]


def _fallback(asked: notification_pb2.Fallback, address: str) -> notification_pb2.Fallback:
    return notification_pb2.Fallback(channel=asked.channel, to=address, after=wire.length(asked, "after"))


def _check_text(
    channel: Channel, request: api.SendNotificationRequest, given: dict[str, Any], template: PinnedTemplate
) -> None:
    carrying.check(channel, request.subject, template.compiled.render(channel, request.locale, given))
