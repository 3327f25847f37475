"""From a claim to what a provider is given."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from services.delivery import suppressed_copies
from services.delivery.attachments import Attachments
from services.delivery.destinations import Destinations
from services.delivery.rules.claim import ClaimedNotification
from services.delivery.rules.provider import Outcome, Outgoing, permanent, released, transient, unbuildable
from services.delivery.suppressed_copies import FindSuppressed
from services.delivery.worker import digest_fitting
from services.delivery.worker.templates import TemplateCache
from services.delivery.worker.unsubscribe_links import UnsubscribeLinks
from shared.channel.sent_texts import body_of, html_of
from shared.channel.table import Address, Channel
from shared.errors import Code, PulseError
from shared.lane.names import Lane
from shared.saying.layers import laid
from shared.saying.said import said
from shared.text import html_text
from shared.text.rendering import CompiledTemplate, RenderError
from shared.turns import Turns


async def prepare(
    claim: ClaimedNotification,
    templates: TemplateCache,
    unsubscribe: UnsubscribeLinks,
    attachments: Attachments | None = None,
    find_suppressed: FindSuppressed | None = None,
    destinations: Destinations | None = None,
) -> Outgoing | Outcome:
    """Renders ``claim`` for a provider, or says how the attempt ends without a call."""
    outgoing = await _rendered(claim, templates, unsubscribe)
    if find_suppressed is not None and not isinstance(outgoing, Outcome) and _has_copies(outgoing):
        try:
            outgoing = await suppressed_copies.left_out(outgoing, claim, find_suppressed)
        except PulseError:
            return released("COPIES_UNAVAILABLE", "whether its copies may go could not be asked", retry_after=1.0)
    if destinations is not None and isinstance(outgoing, Outgoing) and _goes_to_a_destination(claim):
        return await _led(outgoing, destinations)
    if attachments is None or isinstance(outgoing, Outcome) or not outgoing.said.attachments:
        return outgoing
    channel = Channel.named(claim.channel)
    if channel is None or channel.facts.address is not Address.MAILBOX:  # a fallback, which carries the text alone
        return outgoing
    try:
        return outgoing._replace(files=await attachments.of(claim.tenant_id, outgoing.said))
    except PulseError as error:
        if error.code is Code.NOT_FOUND:
            return permanent("ATTACHMENT_NOT_FOUND", "an attached file is not kept any more")
        return transient("ATTACHMENT_UNAVAILABLE", "an attached file could not be fetched", retry_after=1.0)


def _has_copies(outgoing: Outgoing) -> bool:
    channel, email = Channel.named(outgoing.channel), outgoing.said.email
    return bool(email.cc or email.bcc) and channel is not None and channel.facts.address is Address.MAILBOX


def _goes_to_a_destination(claim: ClaimedNotification) -> bool:
    channel = Channel.named(claim.channel)
    return channel is not None and channel.facts.address is Address.DESTINATION


async def _led(outgoing: Outgoing, destinations: Destinations) -> Outgoing | Outcome:
    try:
        return outgoing._replace(destination=await destinations.get(outgoing.tenant_id, outgoing.to))
    except PulseError as error:
        if error.code is Code.NOT_FOUND:
            return permanent("DESTINATION_UNKNOWN", "the destination is not registered any more")
        return released("DESTINATION_UNAVAILABLE", "the destination could not be fetched", retry_after=1.0)


async def _rendered(
    claim: ClaimedNotification, templates: TemplateCache, unsubscribe: UnsubscribeLinks
) -> Outgoing | Outcome:
    try:
        template = await templates.get(claim.tenant_id, claim.asked.template_name, claim.asked.template_version)
    except RenderError as error:
        return permanent(error.reason, _reason_sentence(error))
    except PulseError as error:
        if error.code is Code.NOT_FOUND:
            return permanent("TEMPLATE_NOT_FOUND", "the template version is not there")
        return released("TEMPLATE_UNAVAILABLE", "the template could not be fetched", retry_after=1.0)
    try:
        return await _outgoing(claim, template, unsubscribe, templates.turns)
    except RenderError as error:
        return permanent(error.reason, _reason_sentence(error))
    except Exception as error:  # whatever it is, it would be the same at the next attempt
        return unbuildable("template", error)


async def _outgoing(
    claim: ClaimedNotification, template: CompiledTemplate, unsubscribe: UnsubscribeLinks, turns: Turns
) -> Outgoing:
    rendered = await digest_fitting.render(template, claim, _context(claim.asked.context_json), turns)
    if html_text.lacks_text(rendered):
        rendered = await turns.take(claim.tenant_id, partial(html_text.completed, rendered))
    beside = said(laid(rendered.said, claim.said))
    if beside.email.cc or beside.email.bcc:  # as they were accepted, whatever a text makes of them now
        beside = beside._replace(email=beside.email._replace(cc=claim.copies.cc, bcc=claim.copies.bcc))
    return Outgoing(
        notification_id=claim.notification_id,
        tenant_id=claim.tenant_id,
        channel=claim.channel,
        attempt=claim.attempt,
        to=claim.to,
        subject=claim.asked.subject or rendered.subject,
        body=body_of(Channel.named(claim.channel), rendered.body, beside),
        html_body=html_of(rendered.html_body, beside),
        created_at=claim.created_at,
        unsubscribe_url=unsubscribe.of(claim),
        urgent=claim.lane is Lane.HIGH,
        ends_at=claim.expires_at,
        said=beside,
        sender=claim.sender,
        asked=claim.asked,
        locale=rendered.locale,
        expires_time=claim.expires_time,
    )


def _context(text: str) -> dict[str, Any]:
    try:
        context = json.loads(text) if text else {}
    except ValueError:
        context = None
    if not isinstance(context, dict):
        raise RenderError("BAD_CONTEXT", "the context is not a JSON object")
    return context


def _reason_sentence(error: RenderError) -> str:
    # A message may quote the template's text; a variable's name is what the caller needs, and is no personal data.
    return f"the template cannot be rendered: {error.variable}" if error.variable else "the template cannot be rendered"
