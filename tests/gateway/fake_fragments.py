"""Fragments as the ledger keeps them, in memory."""

from __future__ import annotations

from typing import Any

from pulse.common.v1 import fragment_pb2, template_pb2
from pulse.ledger.v1 import ledger_admin_pb2, ledger_admin_pb2_grpc, ledger_reader_pb2, ledger_reader_pb2_grpc
from shared.errors import Code, PulseError, not_found

#: By tenant and name.
Fragments = dict[tuple[str, str], fragment_pb2.Fragment]
Templates = dict[tuple[str, str], template_pb2.Template]


def uses(templates: Templates, tenant_id: str, name: str) -> list[fragment_pb2.FragmentUse]:
    """The templates that take a fragment in."""
    return [
        fragment_pb2.FragmentUse(
            template_name=template.name, template_version=template.version, fragment_version=pin.version
        )
        for (tenant, _), template in sorted(templates.items())
        for pin in template.fragments
        if (tenant, pin.name) == (tenant_id, name)
    ]


class FragmentReads(ledger_reader_pb2_grpc.LedgerReaderServicer):
    """For the reader."""

    fragments: Fragments
    fragment_versions: dict[tuple[str, str, int], fragment_pb2.Fragment]
    templates: Templates
    requests: list[Any]

    async def GetFragment(self, request: Any, context: Any) -> ledger_reader_pb2.GetFragmentResponse:
        found = fragment_pb2.Fragment()
        stored = self.fragments.get((request.tenant_id, request.name))
        if request.version:
            stored = self.fragment_versions.get((request.tenant_id, request.name, request.version))
        if stored is None:
            raise not_found("FRAGMENT", request.name)
        found.CopyFrom(stored)
        found.used_by.extend(uses(self.templates, request.tenant_id, request.name))
        return ledger_reader_pb2.GetFragmentResponse(fragment=found)

    async def GetFragments(self, request: Any, context: Any) -> ledger_reader_pb2.GetFragmentsResponse:
        """Two at a time, so that the rest must be asked for again."""
        self.requests.append(request)
        found = [one for name in request.names if (one := self.fragments.get((request.tenant_id, name)))]
        return ledger_reader_pb2.GetFragmentsResponse(fragments=found[:2], left=[one.name for one in found[2:]])

    async def ListFragments(self, request: Any, context: Any) -> ledger_reader_pb2.ListFragmentsResponse:
        own = [one for (tenant, _), one in sorted(self.fragments.items()) if tenant == request.tenant_id]
        return ledger_reader_pb2.ListFragmentsResponse(fragments=own[: request.page_size])


class FragmentWrites(ledger_admin_pb2_grpc.LedgerAdminServicer):
    """For the administrator."""

    fragments: Fragments
    fragment_versions: dict[tuple[str, str, int], fragment_pb2.Fragment]
    templates: Templates
    changes: list[Any]

    async def CreateFragment(self, request: Any, context: Any) -> ledger_admin_pb2.CreateFragmentResponse:
        if (request.tenant_id, request.fragment.name) in self.fragments:
            raise PulseError(Code.ALREADY_EXISTS, "FRAGMENT_EXISTS", "the name is taken")
        return ledger_admin_pb2.CreateFragmentResponse(fragment=self._keep_fragment(request, 1))

    async def UpdateFragment(self, request: Any, context: Any) -> ledger_admin_pb2.UpdateFragmentResponse:
        self.changes.append(request)
        stored = self.fragments.get((request.tenant_id, request.fragment.name))
        if stored is None:
            raise not_found("FRAGMENT", request.fragment.name)
        for template in request.templates:
            kept = template_pb2.Template()
            kept.CopyFrom(template)
            kept.version += 1
            kept.update_time.GetCurrentTime()
            self.templates[request.tenant_id, template.name] = kept
        kept_fragment = fragment_pb2.Fragment()
        kept_fragment.CopyFrom(self._keep_fragment(request, stored.version + 1))
        kept_fragment.used_by.extend(uses(self.templates, request.tenant_id, stored.name))
        return ledger_admin_pb2.UpdateFragmentResponse(fragment=kept_fragment)

    async def DeleteFragment(self, request: Any, context: Any) -> ledger_admin_pb2.DeleteFragmentResponse:
        if self.fragments.pop((request.tenant_id, request.name), None) is None:
            raise not_found("FRAGMENT", request.name)
        return ledger_admin_pb2.DeleteFragmentResponse()

    def _keep_fragment(self, request: Any, version: int) -> fragment_pb2.Fragment:
        kept = fragment_pb2.Fragment()
        kept.CopyFrom(request.fragment)
        kept.version = version
        self.fragments[request.tenant_id, kept.name] = kept
        self.fragment_versions[request.tenant_id, kept.name, version] = kept
        return kept
