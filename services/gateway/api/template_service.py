"""TemplateService: keep, show and try out templates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
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
from services.gateway.sending.heavy_work import HeavyWork
from services.gateway.sending.template_making import TemplateMaking, as_shown
from services.gateway.sending.templates import PinnedTemplate, TemplateCatalogue, require_possible
from shared.channel import template_rules
from shared.channel.sent_texts import body_of
from shared.errors import Code, PulseError, invalid_field
from shared.rpc.validation import check
from shared.saying.said import said
from shared.text import html_text
from shared.text.rendering import CompiledTemplate, RenderError

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_admin_pb2_grpc import LedgerAdminAsyncStub
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

_WRITE = "templates"
_READ = "read"

#: Stores a template, or only checks that it could be; gives it as it is answered.
Save = Callable[[template_pb2.Template], Awaitable[template_pb2.Template]]


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
        making: TemplateMaking,
    ) -> None:
        self._entry = entry
        self._templates = templates
        self._reader = reader
        self._admin = admin
        self._heavy = heavy
        self._addresses = addresses
        self._making = making

    async def CreateTemplate(self, request: api.CreateTemplateRequest, context: Context) -> template_pb2.Template:
        caller = self._entry.caller(context, _WRITE)
        check(request)

        async def save(kept: template_pb2.Template) -> template_pb2.Template:
            if request.validate_only:
                await self._require_none(caller, kept.name)
                return kept
            inner = ledger_admin_pb2.CreateTemplateRequest(tenant_id=caller.tenant_id, template=kept)
            return (await ask(self._admin.CreateTemplate, inner)).template

        return await self._saved(caller, request.template, save)

    async def UpdateTemplate(self, request: api.UpdateTemplateRequest, context: Context) -> template_pb2.Template:
        caller = self._entry.caller(context, _WRITE)
        check(request)

        async def save(kept: template_pb2.Template) -> template_pb2.Template:
            if request.validate_only:
                newest = (await self._templates.at_version(caller.tenant_id, kept.name, 0)).stored.version
                if request.expected_version not in (0, newest):
                    raise template_rules.changed(newest, request.expected_version)
                return kept
            inner = ledger_admin_pb2.UpdateTemplateRequest(
                tenant_id=caller.tenant_id, template=kept, expected_version=request.expected_version
            )
            return (await ask(self._admin.UpdateTemplate, inner)).template

        return await self._saved(caller, request.template, save)

    async def _saved(self, caller: Caller, given: template_pb2.Template, save: Save) -> template_pb2.Template:
        """Made and saved, once more if a fragment that it takes in was changed in between."""
        kept = await self._making.to_keep(caller.tenant_id, given)
        try:
            stored = await save(kept)
        except PulseError as error:
            if error.reason != "FRAGMENT_CHANGED":
                raise
            stored = await save(await self._making.to_keep(caller.tenant_id, given))
        self._templates.forget(caller.tenant_id, stored.name)
        return as_shown(stored)

    async def GetTemplate(self, request: api.GetTemplateRequest, context: Context) -> template_pb2.Template:
        caller = self._entry.caller(context, _READ)
        check(request)
        found = await self._templates.at_version(caller.tenant_id, request.name, request.version)
        return as_shown(found.stored)

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
        return api.ListTemplatesResponse(templates=map(as_shown, page.templates), next_page_token=page.next_page_token)

    async def DeleteTemplate(self, request: api.DeleteTemplateRequest, context: Context) -> empty_pb2.Empty:
        caller = self._entry.caller(context, _WRITE)
        check(request)
        require_possible(request.name, "template")
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
        tried = await self._making.tried(caller.tenant_id, template, path)
        compiled = CompiledTemplate(tried.texts, template.default_locale, lazily=True)
        return Previewed(template, compiled, tried.variables)

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
        text = compiled.text(by, request.locale)
        size = carrying.check(by, "", rendered, beside, self._addresses)
        return api.PreviewTemplateResponse(
            subject=rendered.subject,
            body=body_of(by, rendered.body, beside),
            html_body=rendered.html_body,
            locale=rendered.locale,
            sms_segments=size.segments if size else 0,
            sms_unicode_character=size.unicode_character if size else "",
            missing_strings=text.lacking,
            missing_fragments=text.lacking_fragments,
            warnings=looks.warnings(rendered),
            variables=previewed.variables,
            **{part: rendered.said[part] for part in ("email", "push", "whatsapp") if part in rendered.said},
        )
