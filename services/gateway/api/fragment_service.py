"""FragmentService: keep and show layouts and pieces that templates take in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from google.protobuf import empty_pb2

from pulse.common.v1 import fragment_pb2, template_pb2
from pulse.gateway.v1 import fragment_service_pb2 as api
from pulse.gateway.v1 import fragment_service_pb2_grpc as api_grpc
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from services.gateway.api.service import DEFAULT_PAGE_SIZE
from services.gateway.door.calls import Context, Entry
from services.gateway.peers import ask
from services.gateway.sending.fragment_making import FragmentMaking
from services.gateway.sending.heavy_work import HeavyWork
from services.gateway.sending.taking_in import Applied, TakingIn
from services.gateway.sending.template_making import TemplateMaking
from services.gateway.sending.templates import TemplateCatalogue, require_possible
from shared.errors import Code, PulseError
from shared.rpc.validation import check

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_admin_pb2_grpc import LedgerAdminAsyncStub
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

_WRITE = "templates"
_READ = "read"
#: Most templates that a fragment is applied to at once, and their bytes; gRPC's own clients take 4 MiB.
MOST_TEMPLATES = 100
_MOST_BYTES = 3 * 2**20


class FragmentService(api_grpc.FragmentServiceServicer):
    """The public door to fragments."""

    def __init__(
        self,
        entry: Entry,
        templates: TemplateCatalogue,
        making: TemplateMaking,
        taking_in: TakingIn,
        heavy: HeavyWork,
        reader: LedgerReaderAsyncStub,
        admin: LedgerAdminAsyncStub,
    ) -> None:
        self._entry = entry
        self._templates = templates
        self._making = making
        self._fragments = FragmentMaking(taking_in, heavy)
        self._reader = reader
        self._admin = admin

    async def CreateFragment(self, request: api.CreateFragmentRequest, context: Context) -> fragment_pb2.Fragment:
        caller = self._entry.caller(context, _WRITE)
        check(request)
        kept = await self._fragments.to_keep(caller.tenant_id, request.fragment)
        inner = ledger_admin_pb2.CreateFragmentRequest(tenant_id=caller.tenant_id, fragment=kept)
        return (await ask(self._admin.CreateFragment, inner)).fragment

    async def UpdateFragment(self, request: api.UpdateFragmentRequest, context: Context) -> fragment_pb2.Fragment:
        caller = self._entry.caller(context, _WRITE)
        check(request)
        kept = await self._fragments.to_keep(caller.tenant_id, request.fragment)
        templates: Sequence[template_pb2.Template] = ()
        if request.apply_to_templates:
            templates = await self._next_versions(caller.tenant_id, kept)
        inner = ledger_admin_pb2.UpdateFragmentRequest(tenant_id=caller.tenant_id, fragment=kept, templates=templates)
        stored = (await ask(self._admin.UpdateFragment, inner)).fragment
        for template in templates:
            self._templates.forget(caller.tenant_id, template.name)
        return stored

    async def GetFragment(self, request: api.GetFragmentRequest, context: Context) -> fragment_pb2.Fragment:
        caller = self._entry.caller(context, _READ)
        check(request)
        require_possible(request.name, "fragment")
        return await self._stored(caller.tenant_id, request.name, request.version)

    async def ListFragments(self, request: api.ListFragmentsRequest, context: Context) -> api.ListFragmentsResponse:
        caller = self._entry.caller(context, _READ)
        check(request)
        inner = ledger_reader_pb2.ListFragmentsRequest(
            tenant_id=caller.tenant_id,
            page_size=request.page_size or DEFAULT_PAGE_SIZE,
            page_token=request.page_token,
        )
        page = await ask(self._reader.ListFragments, inner)
        return api.ListFragmentsResponse(fragments=page.fragments, next_page_token=page.next_page_token)

    async def DeleteFragment(self, request: api.DeleteFragmentRequest, context: Context) -> empty_pb2.Empty:
        caller = self._entry.caller(context, _WRITE)
        check(request)
        require_possible(request.name, "fragment")
        inner = ledger_admin_pb2.DeleteFragmentRequest(tenant_id=caller.tenant_id, name=request.name)
        await ask(self._admin.DeleteFragment, inner)
        return empty_pb2.Empty()

    async def _stored(self, tenant_id: str, name: str, version: int = 0) -> fragment_pb2.Fragment:
        request = ledger_reader_pb2.GetFragmentRequest(tenant_id=tenant_id, name=name, version=version)
        return (await ask(self._reader.GetFragment, request)).fragment

    async def _next_versions(self, tenant_id: str, fragment: fragment_pb2.Fragment) -> Sequence[template_pb2.Template]:
        """Of all templates that take ``fragment`` in, with it, which is given the version that it must have before."""
        stored = await self._stored(tenant_id, fragment.name)
        if len(stored.used_by) > MOST_TEMPLATES:
            raise _too_many(f"more than {MOST_TEMPLATES} templates take the fragment in")
        fragment.version = stored.version
        next_one = fragment_pb2.Fragment()
        next_one.CopyFrom(fragment)
        next_one.version += 1
        made, room = [], _MOST_BYTES
        for use in stored.used_by:
            template = (await self._templates.at_version(tenant_id, use.template_name, use.template_version)).stored
            path = f"templates[{template.name}].contents"
            applied = Applied(next_one, {pin.name: pin.version for pin in template.fragments})
            kept = await self._making.to_keep(tenant_id, template, path, applied)
            kept.version = template.version
            room -= kept.ByteSize()
            if room < 0:
                raise _too_many(f"the templates that take the fragment in weigh more than {_MOST_BYTES // 2**20} MiB")
            made.append(kept)
        return made


def _too_many(words: str) -> PulseError:
    return PulseError(
        Code.FAILED_PRECONDITION,
        "TOO_MANY_TEMPLATES",
        words,
        hint="update the fragment without apply_to_templates, then the templates one by one: each takes in the newest",
    )
