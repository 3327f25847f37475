"""The fragments' part of LedgerAdmin and LedgerReader: converts, calls, converts back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message

from pulse.common.v1 import fragment_pb2
from pulse.ledger.v1 import ledger_admin_pb2, ledger_admin_pb2_grpc, ledger_reader_pb2, ledger_reader_pb2_grpc
from services.ledger.rpc import pages
from services.ledger.rpc.pages import PageRequest
from services.ledger.rpc.texts import wire_templates
from services.ledger.rules.templates import Fragment, FragmentUse
from services.ledger.stores.fragment_store import FragmentStore
from services.ledger.stores.paging import FragmentFilter
from shared.errors import Code, PulseError, Violation, invalid, not_found
from shared.rpc.validation import check
from shared.times import to_timestamp

#: Bytes.
_LARGEST = 2**20
#: Bytes of fragments in one answer; gRPC's own clients take 4 MiB.
_ROOM = 3 * 2**20
#: Fragments read at once, as one may be as large as half a page.
_AT_ONCE = 20
#: What is the store's to give.
_MADE_BY_STORE = ("version", "create_time", "update_time", "used_by")


class FragmentWrites(ledger_admin_pb2_grpc.LedgerAdminServicer):
    """Keeps fragments."""

    _fragments: FragmentStore

    async def CreateFragment(
        self, request: ledger_admin_pb2.CreateFragmentRequest, context: Any
    ) -> ledger_admin_pb2.CreateFragmentResponse:
        check(request)
        stored = await self._fragments.create(request.tenant_id, _fragment_of(request.fragment))
        if stored is None:
            raise PulseError(
                Code.ALREADY_EXISTS,
                "FRAGMENT_EXISTS",
                f"there is a fragment {request.fragment.name!r} already",
                hint="update it to store a new version",
            )
        return ledger_admin_pb2.CreateFragmentResponse(fragment=_shown(stored))

    async def UpdateFragment(
        self, request: ledger_admin_pb2.UpdateFragmentRequest, context: Any
    ) -> ledger_admin_pb2.UpdateFragmentResponse:
        check(request)
        templates = [wire_templates.template_of(one) for one in request.templates]
        stored = await self._fragments.update(request.tenant_id, _fragment_of(request.fragment), templates)
        if stored is None:
            raise not_found("FRAGMENT", request.fragment.name)
        uses = await self._fragments.uses(request.tenant_id, stored.name)
        return ledger_admin_pb2.UpdateFragmentResponse(fragment=_shown(stored, uses))

    async def DeleteFragment(
        self, request: ledger_admin_pb2.DeleteFragmentRequest, context: Any
    ) -> ledger_admin_pb2.DeleteFragmentResponse:
        check(request)
        if not await self._fragments.delete(request.tenant_id, request.name):
            raise not_found("FRAGMENT", request.name)
        return ledger_admin_pb2.DeleteFragmentResponse()


class FragmentReads(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """Gives fragments back."""

    _fragments: FragmentStore

    async def GetFragment(
        self, request: ledger_reader_pb2.GetFragmentRequest, context: Any
    ) -> ledger_reader_pb2.GetFragmentResponse:
        check(request)
        found = await self._fragments.get(request.tenant_id, request.name, request.version)
        if found is None:
            raise not_found("FRAGMENT", request.name, request.version)
        uses = await self._fragments.uses(request.tenant_id, request.name)
        return ledger_reader_pb2.GetFragmentResponse(fragment=_shown(found, uses))

    async def GetFragments(
        self, request: ledger_reader_pb2.GetFragmentsRequest, context: Any
    ) -> ledger_reader_pb2.GetFragmentsResponse:
        check(request)
        answer = ledger_reader_pb2.GetFragmentsResponse()
        room = _ROOM
        for found in await self._fragments.several(request.tenant_id, request.names):
            room -= len(found.document)
            if answer.fragments and room < 0:
                answer.left.append(found.name)
            else:
                answer.fragments.append(_shown(found))
        return answer

    async def ListFragments(
        self, request: ledger_reader_pb2.ListFragmentsRequest, context: Any
    ) -> ledger_reader_pb2.ListFragmentsResponse:
        check(request)
        shown, token = await pages.page(
            PageRequest(FragmentFilter(request.tenant_id), request.page_size, request.page_token),
            lambda count, last: self._fragments.page(request.tenant_id, count, last),
            lambda row: row.name,
            _shown,
            at_once=_AT_ONCE,
        )
        return ledger_reader_pb2.ListFragmentsResponse(fragments=shown, next_page_token=token)


def _shown(found: Fragment, uses: Sequence[FragmentUse] = ()) -> fragment_pb2.Fragment:
    """As callers see it."""
    message = fragment_pb2.Fragment.FromString(found.document)
    made = fragment_pb2.Fragment(
        name=found.name,
        version=found.version,
        create_time=to_timestamp(found.created_at),
        update_time=to_timestamp(found.updated_at),
        used_by=[fragment_pb2.FragmentUse(**use._asdict()) for use in uses],
    )
    message.MergeFrom(made)
    return message


def _fragment_of(message: fragment_pb2.Fragment) -> Fragment:
    """A fragment to store, at the version that is to be the newest before, if one is named.

    INVALID_ARGUMENT for one that is too large.
    """
    kept: Message = fragment_pb2.Fragment()
    kept.CopyFrom(message)
    for name in _MADE_BY_STORE:
        kept.ClearField(name)
    document = kept.SerializeToString()
    if len(document) > _LARGEST:
        violation = Violation("fragment.contents", f"take more than {_LARGEST // 2**20} MiB in all")
        raise invalid([violation], "FRAGMENT_TOO_LARGE")
    return Fragment(message.name, message.version, document, [*message.fragments])
