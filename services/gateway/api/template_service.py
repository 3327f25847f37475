"""TemplateService: keep, show and try out templates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from google.protobuf import empty_pb2

from pulse.common.v1 import template_pb2
from pulse.gateway.v1 import template_service_pb2 as api
from pulse.gateway.v1 import template_service_pb2_grpc as api_grpc
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from services.gateway import wire
from services.gateway.api.previewed import Previewed
from services.gateway.api.service import DEFAULT_PAGE_SIZE
from services.gateway.door.auth import Caller
from services.gateway.door.calls import Context, Entry
from services.gateway.peers import ask
from services.gateway.rules import carrying, looks
from services.gateway.rules.addresses import Addresses
from services.gateway.rules.contents import check_contents
from services.gateway.sending.heavy_work import HeavyWork
from services.gateway.sending.senders import Senders
from services.gateway.sending.templates import PinnedTemplate, TemplateCatalogue, require_possible
from shared.channel import template_rules
from shared.channel.sent_texts import body_of
from shared.channel.texts import texts
from shared.errors import Code, PulseError, invalid_field
from shared.rpc.validation import check
from shared.saying.said import said
from shared.text import html_text
from shared.text.rendering import CompiledTemplate, RenderError, Text

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_admin_pb2_grpc import LedgerAdminAsyncStub
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

_WRITE = "templates"
_READ = "read"


class TemplateService(api_grpc.TemplateServiceServicer):
    """The public door to templates."""

    def __init__(
        self,
        entry: Entry,
        templates: TemplateCatalogue,
        reader: LedgerReaderAsyncStub,
        admin: LedgerAdminAsyncStub,
        heavy: HeavyWork,
        addresses: Addresses,
        senders: Senders,
    ) -> None:
        self._entry = entry
        self._templates = templates
        self._reader = reader
        self._admin = admin
        self._heavy = heavy
        self._addresses = addresses
        self._senders = senders

    async def CreateTemplate(self, request: api.CreateTemplateRequest, context: Context) -> template_pb2.Template:
        caller = self._entry.caller(context, _WRITE)
        check(request)
        kept = await self._to_keep(caller, request.template)
        if request.validate_only:
            await self._require_none(caller, kept.name)
            return kept
        inner = ledger_admin_pb2.CreateTemplateRequest(tenant_id=caller.tenant_id, template=kept)
        stored = (await ask(self._admin.CreateTemplate, inner)).template
        self._templates.forget(caller.tenant_id, stored.name)
        return stored

    async def UpdateTemplate(self, request: api.UpdateTemplateRequest, context: Context) -> template_pb2.Template:
        caller = self._entry.caller(context, _WRITE)
        check(request)
        kept = await self._to_keep(caller, request.template)
        if request.validate_only:
            newest = (await self._templates.at_version(caller.tenant_id, kept.name, 0)).stored.version
            if request.expected_version not in (0, newest):
                raise template_rules.changed(newest, request.expected_version)
            return kept
        inner = ledger_admin_pb2.UpdateTemplateRequest(
            tenant_id=caller.tenant_id, template=kept, expected_version=request.expected_version
        )
        stored = (await ask(self._admin.UpdateTemplate, inner)).template
        self._templates.forget(caller.tenant_id, stored.name)
        return stored

    async def GetTemplate(self, request: api.GetTemplateRequest, context: Context) -> template_pb2.Template:
        caller = self._entry.caller(context, _READ)
        check(request)
        return (await self._templates.at_version(caller.tenant_id, request.name, request.version)).stored

    async def ListTemplates(self, request: api.ListTemplatesRequest, context: Context) -> api.ListTemplatesResponse:
        caller = self._entry.caller(context, _READ)
        check(request)
        inner = ledger_reader_pb2.ListTemplatesRequest(
            tenant_id=caller.tenant_id,
            page_size=request.page_size or DEFAULT_PAGE_SIZE,
            page_token=request.page_token,
            channel=request.channel,
        )
        page = await ask(self._reader.ListTemplates, inner)
        return api.ListTemplatesResponse(templates=page.templates, next_page_token=page.next_page_token)

    async def DeleteTemplate(self, request: api.DeleteTemplateRequest, context: Context) -> empty_pb2.Empty:
        caller = self._entry.caller(context, _WRITE)
        check(request)
        require_possible(request.name)
        inner = ledger_admin_pb2.DeleteTemplateRequest(tenant_id=caller.tenant_id, name=request.name)
        await ask(self._admin.DeleteTemplate, inner)
        self._templates.forget(caller.tenant_id, request.name)
        return empty_pb2.Empty()

    async def PreviewTemplate(
        self, request: api.PreviewTemplateRequest, context: Context
    ) -> api.PreviewTemplateResponse:
        caller = self._entry.caller(context, _READ)
        check(request)
        previewed = await self._to_preview(caller, request)
        return await self._preview(caller, request, previewed)

    async def _require_none(self, caller: Caller, name: str) -> None:
        """Refuses a name that is taken, as the ledger would."""
        try:
            await self._templates.at_version(caller.tenant_id, name, 0)
        except PulseError as error:
            if error.code is not Code.NOT_FOUND:
                raise
        else:
            raise template_rules.exists(name)

    async def _to_keep(self, caller: Caller, given: template_pb2.Template) -> template_pb2.Template:
        """The template as the ledger stores it: what Pulse makes itself is filled in or left out."""
        contents = texts(given.contents, given.default_locale)
        variables = await self._check(caller, contents, given.channel, given.default_locale, "template.contents")
        kept = template_pb2.Template()
        kept.CopyFrom(given)
        for made_by_pulse in ("version", "create_time", "update_time", "variables"):
            kept.ClearField(made_by_pulse)
        if window := wire.length(given, "digest_window"):
            kept.digest_window.CopyFrom(window)
        kept.variables.extend(wire.left_to_callers(given, variables))
        template_rules.check_size(kept)
        return kept

    async def _check(
        self, caller: Caller, contents: Sequence[Text], channel: int, default_locale: str, path: str
    ) -> frozenset[str]:
        """The names a context must hold; INVALID_ARGUMENT for contents that cannot be kept."""
        variables = await check_contents(
            contents,
            channel=wire.channel(channel),
            default_locale=default_locale,
            path=path,
            do=partial(self._heavy.do, caller.tenant_id),
            addresses=self._addresses,
        )
        await self._senders.check(caller.tenant_id, contents, path)
        return variables

    async def _to_preview(self, caller: Caller, request: api.PreviewTemplateRequest) -> Previewed:
        """What the request means: the template that it gives, or a stored one, with a draft in its contents' place."""
        if request.HasField("template"):
            if request.draft:
                raise invalid_field("draft", "DRAFT_TWICE", "is given beside a template")
            return await self._given(caller, request.template, "template.contents")
        stored = await self._stored(caller, request)
        if stored and not request.draft:
            return Previewed(stored.stored, stored.compiled, stored.stored.variables, stored)
        template = template_pb2.Template()
        if stored:
            template.CopyFrom(stored.stored)
        template.channel = request.channel or template.channel
        if not template.channel and not stored:
            description = "is required for a draft of a template that is not stored"
            raise invalid_field("channel", "CHANNEL_MISSING", description)
        del template.contents[:]
        template.contents.extend(request.draft)
        return await self._given(caller, template, "draft")

    async def _given(self, caller: Caller, template: template_pb2.Template, path: str) -> Previewed:
        """One that is not stored, checked as if it were to be."""
        contents = texts(template.contents, template.default_locale)
        variables = await self._check(caller, contents, template.channel, template.default_locale, path)
        compiled = CompiledTemplate(contents, template.default_locale, lazily=True)
        return Previewed(template, compiled, wire.left_to_callers(template, variables))

    async def _stored(self, caller: Caller, request: api.PreviewTemplateRequest) -> PinnedTemplate | None:
        """The template of that name; a draft may do without."""
        try:
            return await self._templates.at_version(caller.tenant_id, request.name, request.version)
        except PulseError as error:
            if request.draft and error.code is Code.NOT_FOUND:
                return None
            raise

    async def _preview(
        self, caller: Caller, request: api.PreviewTemplateRequest, previewed: Previewed
    ) -> api.PreviewTemplateResponse:
        by = wire.channel(request.channel or previewed.template.channel)
        compiled, context = previewed.compiled, previewed.context(request)
        try:
            rendered = await self._heavy.do(caller.tenant_id, partial(compiled.render, by, request.locale, context))
        except RenderError as error:
            raise previewed.refusal(error) from None
        rendered = await self._heavy.do(caller.tenant_id, partial(html_text.completed, rendered))
        beside = said(rendered.said)
        size = carrying.check(by, "", rendered, beside, self._addresses)
        return api.PreviewTemplateResponse(
            subject=rendered.subject,
            body=body_of(by, rendered.body, beside),
            html_body=rendered.html_body,
            locale=rendered.locale,
            sms_segments=size.segments if size else 0,
            sms_unicode_character=size.unicode_character if size else "",
            missing_strings=compiled.text(by, request.locale).lacking,
            warnings=looks.warnings(rendered),
            variables=previewed.variables,
            **{part: rendered.said[part] for part in ("email", "push", "whatsapp") if part in rendered.said},
        )
