"""TemplateService: keep, show and try out templates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from google.protobuf import empty_pb2

from pulse.common.v1 import enums_pb2, template_pb2
from pulse.gateway.v1 import template_service_pb2 as api
from pulse.gateway.v1 import template_service_pb2_grpc as api_grpc
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from services.gateway import carrying, digests, segments, wire
from services.gateway import context as contexts
from services.gateway.auth import Caller
from services.gateway.calls import Context, Entry
from services.gateway.contents import compile_contents
from services.gateway.peers import ask
from services.gateway.refusal import Refusal
from services.gateway.service import DEFAULT_PAGE_SIZE
from services.gateway.templates import PinnedTemplate, TemplateCatalogue, require_possible
from shared.errors import Code, PulseError
from shared.rendering import CompiledTemplate, RenderError
from shared.validation import check

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_admin_pb2_grpc import LedgerAdminAsyncStub
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

_WRITE = "templates"
_READ = "read"


class TemplateService(api_grpc.TemplateServiceServicer):
    """The public door to templates."""

    def __init__(
        self, entry: Entry, templates: TemplateCatalogue, reader: LedgerReaderAsyncStub, admin: LedgerAdminAsyncStub
    ) -> None:
        self._entry = entry
        self._templates = templates
        self._reader = reader
        self._admin = admin

    async def CreateTemplate(self, request: api.CreateTemplateRequest, context: Context) -> template_pb2.Template:
        caller = self._entry.caller(context, _WRITE)
        check(request)
        inner = ledger_admin_pb2.CreateTemplateRequest(tenant_id=caller.tenant_id, template=_to_keep(request.template))
        stored = (await ask(self._admin.CreateTemplate, inner)).template
        self._templates.forget(caller.tenant_id, stored.name)
        return stored

    async def UpdateTemplate(self, request: api.UpdateTemplateRequest, context: Context) -> template_pb2.Template:
        caller = self._entry.caller(context, _WRITE)
        check(request)
        inner = ledger_admin_pb2.UpdateTemplateRequest(tenant_id=caller.tenant_id, template=_to_keep(request.template))
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
        stored = await self._stored(caller, request)
        channel = request.channel or (stored.stored.channel if stored else enums_pb2.CHANNEL_UNSPECIFIED)
        try:
            return _preview(request, stored, channel)
        except Refusal as refusal:
            raise wire.to_error(refusal) from None

    async def _stored(self, caller: Caller, request: api.PreviewTemplateRequest) -> PinnedTemplate | None:
        """The template of that name; a draft may do without."""
        try:
            return await self._templates.at_version(caller.tenant_id, request.name, request.version)
        except PulseError as error:
            if request.draft and error.code is Code.NOT_FOUND:
                return None
            raise


def _to_keep(given: template_pb2.Template) -> template_pb2.Template:
    """The template as the ledger stores it: what Pulse makes itself is filled in or left out."""
    compiled = _compiled(given.contents, given.channel, given.default_locale, "template.contents")
    kept = template_pb2.Template()
    kept.CopyFrom(given)
    for made_by_pulse in ("version", "create_time", "update_time", "variables"):
        kept.ClearField(made_by_pulse)
    variables = set(compiled.variables)
    if window := wire.length(given, "digest_window"):
        kept.digest_window.CopyFrom(window)
        variables.discard(digests.VARIABLE)
    kept.variables.extend(sorted(variables))
    return kept


def _compiled(
    contents: Iterable[template_pb2.TemplateContent], channel: int, default_locale: str, path: str
) -> CompiledTemplate:
    compiled, refusals = compile_contents(
        wire.texts(contents),
        channel=wire.CHANNEL_NAMES[channel],
        default_locale=default_locale,
        path=path,
    )
    if compiled is None:
        raise wire.to_errors(refusals)
    return compiled


def _preview(
    request: api.PreviewTemplateRequest, stored: PinnedTemplate | None, channel: int
) -> api.PreviewTemplateResponse:
    if not channel:
        raise Refusal("channel", "CHANNEL_MISSING", "is required for a draft of a template that is not stored")
    context = wire.plain(request.context)
    contexts.canonical(context)
    if stored and stored.stored.HasField("digest_window") and digests.VARIABLE not in context:
        context = digests.with_digest(context)
    try:
        compiled = _to_preview(request, stored, channel)
        rendered = compiled.render(wire.CHANNEL_NAMES[channel], request.locale, context)
    except RenderError as error:
        raise wire.render_refusal(error) from None
    carrying.check(wire.CHANNEL_NAMES[channel], "", rendered)
    return api.PreviewTemplateResponse(
        subject=rendered.subject,
        body=rendered.body,
        html_body=rendered.html_body,
        locale=rendered.locale,
        sms_segments=segments.count(rendered.body) if channel == enums_pb2.SMS else 0,
    )


def _to_preview(request: api.PreviewTemplateRequest, stored: PinnedTemplate | None, channel: int) -> CompiledTemplate:
    if request.draft or stored is None:
        return _compiled(request.draft, channel, stored.stored.default_locale if stored else "", "draft")
    return stored.compiled
