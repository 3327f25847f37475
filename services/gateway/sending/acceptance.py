"""From a request to a submission: every rule that can be decided at the door, and the template pinned."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from pulse.common.v1 import notification_pb2, saying_pb2
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.ledger.v1 import records_pb2
from pulse.router.v1 import router_service_pb2 as router_pb2
from services.gateway import wire
from services.gateway.door.auth import Caller
from services.gateway.door.headers import Headers
from services.gateway.rules import (
    carrying,
    channel_addresses,
    context,
    copies,
    digests,
    fingerprint,
    idempotency,
    said_texts,
    times,
)
from services.gateway.rules.addresses import Addresses
from services.gateway.rules.channel_addresses import ChannelAddress
from services.gateway.rules.copies import NONE as NO_COPIES
from services.gateway.rules.copies import Copies
from services.gateway.rules.nul import refuse_nul
from services.gateway.sending import file_links, pictures, sms_sizes
from services.gateway.sending.attachments import Attachments
from services.gateway.sending.copies import Held
from services.gateway.sending.destinations import Destinations
from services.gateway.sending.heavy_work import HeavyWork
from services.gateway.sending.plainly_valid import plainly_valid
from services.gateway.sending.senders import NONE as NO_SENDERS
from services.gateway.sending.senders import Senders
from services.gateway.sending.templates import PinnedTemplate, TemplateCatalogue
from shared.channel.table import Address, Channel
from shared.clock import Clock
from shared.errors import Code, PulseError, invalid_field
from shared.ids import uuid7
from shared.observe import tracing
from shared.rpc.validation import check
from shared.saying import fields as said_fields
from shared.saying import layers
from shared.saying.said import said as made_said
from shared.text.rendering import RenderError
from shared.text.sms_segments import SmsSize
from shared.times import to_timestamp

#: Refusals that time, a new template version, its deletion or that of a sender can bring about.
_PASSING = frozenset({Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.FAILED_PRECONDITION, Code.PERMISSION_DENIED})


class Refused(NamedTuple):
    """A request whose own words are in order, and that cannot be accepted now: its key may have an answer."""

    error: PulseError
    use: records_pb2.KeyUse


class Draft(NamedTuple):
    """What can be told from a request alone. ``said`` are its set fields."""

    request: api.SendNotificationRequest
    said: Mapping[str, Any]
    idempotency_key: str
    context: dict[str, Any]
    context_json: str
    fingerprint: bytes
    send_at: dt.datetime | None
    expires_at: dt.datetime | None
    #: Beside subject and text (shared.saying); empty for most.
    beside: Mapping[str, Any]


class _Files(NamedTuple):
    """What the taking in of a request's files goes by."""

    attachments: Attachments
    channels: Sequence[Channel]
    needed_until: dt.datetime | None
    link_end: dt.datetime
    linked: bool  # whether one goes as a link


class Checked(NamedTuple):
    """What came out when the texts were checked."""

    sms: SmsSize | None = None
    copies: Copies = NO_COPIES
    decisions: Sequence[notification_pb2.Decision] = ()

    def and_also(self, other: Checked) -> Checked:
        """With what another channel's text came to."""
        copies = self.copies if other.copies is NO_COPIES else other.copies
        return Checked(other.sms or self.sms, copies, (*self.decisions, *other.decisions))


_UNCHECKED = Checked()
#: Leaves out of copies those that must not be sent, of a tenant and a category.
HoldCopies = Callable[[str, str, Copies], Awaitable[Held]]


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
        attachments: Attachments | None = None,
        senders: Senders | None = None,
        hold_copies: HoldCopies | None = None,
        destinations: Destinations | None = None,
    ) -> None:
        self._senders = senders
        self._hold_copies = hold_copies
        self._attachments = attachments
        self._destinations = destinations
        self._templates = templates
        self._addresses = addresses
        self._clock = clock
        self._trace_ratio = trace_ratio
        self._heavy = heavy or HeavyWork()

    async def accept(
        self, caller: Caller, request: api.SendNotificationRequest, keys: Sequence[str], headers: Headers
    ) -> router_pb2.Submission | Refused:
        """The submission; ``keys`` are the Idempotency-Key headers.

        Raises INVALID_ARGUMENT for what can be told from the request alone. Where time, template, channel or address
        say no, that is raised too, unless the request has a key: such a request may have been accepted before.
        """
        draft = _read(request, keys)
        try:
            return await self._complete(caller, draft, headers)
        except PulseError as error:
            if not draft.idempotency_key or request.validate_only or error.code not in _PASSING:
                raise
            return Refused(error, _use(caller, draft))

    async def _complete(self, caller: Caller, draft: Draft, headers: Headers) -> router_pb2.Submission:
        request = draft.request
        tenant_id, name = caller.tenant_id, request.template_name
        template = self._templates.known(tenant_id, name) or await self._templates.newest(tenant_id, name)
        now = self._clock.now()
        expires_at = _expiry(draft, now)
        channel = request.channel or template.stored.channel
        wanted = _wanted(request, channel)
        to, *further = channel_addresses.normalise(self._addresses, wanted)
        if self._destinations is not None:
            wanted = await self._destinations.bounded(tenant_id, wanted)
        files = self._files(wanted, draft, expires_at, now) if "attachments" in draft.said else None
        if files and files.linked:
            draft = await self._with_links(tenant_id, files, draft)
        decisions: list[notification_pb2.Decision] = []
        checked = _UNCHECKED
        devices = 0
        if not _surely_renders(template, wanted, draft):
            checked = await self._check_texts(tenant_id, wanted, (to, *further), draft, template)
            decisions = [*checked.decisions, *_overriding(template, channel, draft)]
            devices = _devices(template, wanted, draft)
            if checked.sms is not None:
                decisions.append(sms_sizes.decision(checked.sms))
        if files and files.linked:
            decisions.append(file_links.decision(files.link_end))
        pinned, told = await self._pin(tenant_id, wanted, draft, template, checked.copies)
        # A mapping, of which protobuf makes the message where it belongs: half as dear as one that is copied there.
        asked: Any = {
            **template.carried,
            **wire.carried_on(draft.said),
            "template_name": template.stored.name,
            "template_version": template.stored.version,
            "channel": channel,
            "to": to,
            "context_json": draft.context_json,
            "idempotency_key": draft.idempotency_key,
            **pinned,
        }
        if devices:
            asked["push"] = {**draft.beside.get("push", {}), "devices": devices}
        if files:
            asked["attachments"] = await self._take_in(tenant_id, files, draft, only_look=request.validate_only)
        if further:
            asked["fallbacks"] = list(map(_fallback, request.fallbacks, further))
        if expires_at is not None:
            asked["expires_at"] = to_timestamp(expires_at)
        return router_pb2.Submission(
            notification_id=uuid7(now),
            tenant_id=tenant_id,
            asked=asked,
            fingerprint=draft.fingerprint,
            requested_priority=request.priority,
            template_priority=template.stored.priority,
            traceparent=self._traceparent(headers),
            validate_only=request.validate_only,
            decisions=[*decisions, *told],
            sms_size=None if checked.sms is None else sms_sizes.message(checked.sms),
        )

    async def _pin(
        self,
        tenant_id: str,
        wanted: Sequence[ChannelAddress],
        draft: Draft,
        template: PinnedTemplate,
        to_copy: Copies,
    ) -> tuple[dict[str, Any], list[notification_pb2.Decision]]:
        """Who it comes from and who else gets it, as fields of Asked, and what the timeline tells of that."""
        fields: dict[str, Any] = {}
        told: list[notification_pb2.Decision] = []
        if self._senders is not None:
            request = draft.request
            senders = await self._senders.pinned(tenant_id, request.sender, wanted, template.compiled, request.locale)
            if senders is not NO_SENDERS:
                fields["senders"] = senders.senders
                told += senders.decisions
        if to_copy is not NO_COPIES and self._hold_copies is not None:
            held = await self._hold_copies(tenant_id, template.stored.category, to_copy)
            fields["copies"] = held.copies._asdict()
            told += held.decisions
        return fields, told

    def _files(
        self, wanted: Sequence[ChannelAddress], draft: Draft, expires_at: dt.datetime | None, now: dt.datetime
    ) -> _Files:
        if self._attachments is None:
            raise invalid_field("attachments", "ATTACHMENTS_NOT_CARRIED", "are not taken here")
        until = max((time for time in (draft.send_at, expires_at) if time is not None), default=None)
        channels, end = [one.channel for one in wanted], self._attachments.links.end(now, until)
        return _Files(self._attachments, channels, until, end, any(one.as_link for one in draft.request.attachments))

    async def _take_in(
        self, tenant_id: str, files: _Files, draft: Draft, *, only_look: bool
    ) -> list[saying_pb2.Attachment]:
        return await files.attachments.take_in(
            tenant_id,
            draft.request.attachments,
            files.channels,
            files.needed_until,
            link_end=files.link_end,
            only_look=only_look,
        )

    async def _with_links(self, tenant_id: str, files: _Files, draft: Draft) -> Draft:
        """The request with its links, as its texts are rendered with them; nothing is kept yet."""
        file_links.refuse_own(draft.context)
        taken = await self._take_in(tenant_id, files, draft, only_look=True)
        given = {**draft.context, file_links.VARIABLE: file_links.variable(taken, files.link_end)}
        said = [{"filename": one.filename, "url": one.url, "inline_id": one.inline_id} for one in taken]
        return draft._replace(
            context=given, context_json=context.canonical(given), beside={**draft.beside, "attachments": said}
        )

    async def _check_texts(
        self,
        tenant_id: str,
        wanted: Sequence[ChannelAddress],
        to: Sequence[str],
        draft: Draft,
        template: PinnedTemplate,
    ) -> Checked:
        """What it takes as SMS, who gets copies, and what is to be told of its texts.

        ``to`` are the channels' addresses, normalised. Refuses what could not be rendered for each of the channels, or
        not be carried by it.
        """
        checked = _UNCHECKED
        given = draft.context
        if template.stored.HasField("digest_window"):
            digests.refuse_own(given)
            given = digests.with_digest(given)
        for one, address in zip(wanted, to, strict=True):
            whereto = one._replace(address=address)
            check_it = partial(_check_text, whereto, draft, given, template, self._addresses)
            try:
                if template.compiled.is_quick(one.channel, draft.request.locale, given):
                    by_it = check_it()
                else:
                    by_it = await self._heavy.do(tenant_id, check_it)
            except RenderError as error:
                raise template.refusal(error, one.field("channel")) from None
            checked = checked.and_also(by_it)
        return checked

    def _traceparent(self, headers: Headers) -> str:
        span = tracing.current()
        if span is not None:
            return span.traceparent
        given = tracing.accept(headers.traceparent[0]) if len(headers.traceparent) == 1 else ""
        return given or tracing.new_trace(self._trace_ratio)


def _read(request: api.SendNotificationRequest, keys: Sequence[str]) -> Draft:
    said = wire.said(request)
    idempotency_key = idempotency.resolve(request.idempotency_key, keys)
    if not plainly_valid(said):
        check(request)
    if request.metadata:
        refuse_nul("metadata", "METADATA_NUL", *request.metadata.keys(), *request.metadata.values())
    variables = wire.variables(request.context)
    context_json = context.canonical(variables)
    beside = said_fields.plain({name: said[name] for name in said_fields.NAMES if name in said})
    if beside:
        said_texts.check(beside)
        for one in beside.get("attachments", ()):
            one.pop("url", None)  # Pulse's to say
    return Draft(
        request,
        said,
        idempotency_key,
        variables,
        context_json,
        fingerprint.of(wire.counted(said), context_json),
        wire.moment(request, "send_at"),
        wire.moment(request, "expires_at"),
        beside,
    )


def _use(caller: Caller, draft: Draft) -> records_pb2.KeyUse:
    return records_pb2.KeyUse(
        tenant_id=caller.tenant_id, idempotency_key=draft.idempotency_key, fingerprint=draft.fingerprint
    )


def _expiry(draft: Draft, now: dt.datetime) -> dt.datetime | None:
    times.check_send_at(now, draft.send_at)
    ttl = draft.request.ttl.ToTimedelta() if draft.request.HasField("ttl") else None
    return times.expiry(now, draft.send_at, draft.expires_at, ttl)


def _wanted(request: api.SendNotificationRequest, channel: int) -> list[ChannelAddress]:
    wanted = [ChannelAddress(wire.channel(channel), request.to)]
    for n, fallback in enumerate(request.fallbacks):
        path = f"fallbacks[{n}]"
        wanted.append(ChannelAddress(wire.channel(fallback.channel, f"{path}.channel"), fallback.to, path))
    return wanted


def _fallback(asked: notification_pb2.Fallback, address: str) -> notification_pb2.Fallback:
    return notification_pb2.Fallback(channel=asked.channel, to=address, after=wire.length(asked, "after"))


def _surely_renders(template: PinnedTemplate, wanted: Sequence[ChannelAddress], draft: Draft) -> bool:
    """True only if no text would be refused; False says nothing."""
    if draft.beside:
        return False
    for one in wanted:
        if one.channel.facts.bound is not None:
            return False
        if not template.compiled.surely_renders(one.channel, draft.request.locale, draft.context):
            return False
    return "digest_window" not in template.carried


def _check_text(
    to: ChannelAddress, draft: Draft, given: dict[str, Any], template: PinnedTemplate, addresses: Addresses
) -> Checked:
    rendered = template.compiled.render(to.channel, draft.request.locale, given)
    said = made_said(layers.laid(rendered.said, draft.beside))
    sms = carrying.check(to.channel, draft.request.subject, rendered, said, addresses, to.bound)
    has_copies = to.channel.facts.address is Address.MAILBOX and (said.email.cc or said.email.bcc)
    to_copy = copies.of(said.email, to.address, addresses) if has_copies else NO_COPIES
    return Checked(sms, to_copy, pictures.decisions(to.channel, rendered, said))


def _overriding(template: PinnedTemplate, channel: int, draft: Draft) -> list[notification_pb2.Decision]:
    """What the request says in place of the template, for the timeline."""
    if not draft.beside:
        return []
    text = template.compiled.text(wire.channel(channel), draft.request.locale)
    paths = list(layers.overridden(text.said, draft.beside))
    if draft.request.subject and text.subject:
        paths.insert(0, "subject")
    reason = "the request says it, in place of the template"
    return [notification_pb2.Decision(rule="content", result=path, reason=reason) for path in paths]


def _devices(template: PinnedTemplate, wanted: Sequence[ChannelAddress], draft: Draft) -> int:
    """What the template says of the devices that a push goes to, for the ledger, which knows no template.

    0: nothing, or the request says it.
    """
    if "devices" in draft.beside.get("push", {}):
        return 0
    for one in wanted:
        if not one.channel.facts.needs_address and not one.address:
            text = template.compiled.text(one.channel, draft.request.locale)
            return int(text.said.get("push", {}).get("devices", 0))
    return 0
