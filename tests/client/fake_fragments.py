"""A gateway's fragments, in memory; every request is remembered."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import empty_pb2

from pulse.common.v1.fragment_pb2 import Fragment
from pulse.gateway.v1 import fragment_service_pb2, fragment_service_pb2_grpc


class Fragments(fragment_service_pb2_grpc.FragmentServiceServicer):
    """Keeps them by name; every one is taken in by the template "hello"."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.kept: dict[str, Fragment] = {}

    def CreateFragment(self, request: Any, context: Any) -> Fragment:
        return self._keep(request)

    def UpdateFragment(self, request: Any, context: Any) -> Fragment:
        return self._keep(request)

    def GetFragment(self, request: Any, context: Any) -> Fragment:
        self.requests.append(request)
        if request.name not in self.kept:
            context.abort(grpc.StatusCode.NOT_FOUND, "there is no such fragment")
        return self.kept[request.name]

    def ListFragments(self, request: Any, context: Any) -> fragment_service_pb2.ListFragmentsResponse:
        """One a page."""
        names = sorted(self.kept)
        at = int(request.page_token or 0)
        following = str(at + 1) if at + 1 < len(names) else ""
        found = [self.kept[name] for name in names[at : at + 1]]
        return fragment_service_pb2.ListFragmentsResponse(fragments=found, next_page_token=following)

    def DeleteFragment(self, request: Any, context: Any) -> empty_pb2.Empty:
        self.requests.append(request)
        self.kept.pop(request.name, None)
        return empty_pb2.Empty()

    def _keep(self, request: Any) -> Fragment:
        self.requests.append(request)
        kept = Fragment()
        kept.CopyFrom(request.fragment)
        kept.version = 1 + (self.kept[kept.name].version if kept.name in self.kept else 0)
        kept.fragments.append("address")
        kept.used_by.add(template_name="hello", template_version=3, fragment_version=kept.version)
        kept.update_time.FromSeconds(1_700_000_000)
        self.kept[kept.name] = kept
        return kept
