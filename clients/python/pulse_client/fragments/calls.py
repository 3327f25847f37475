"""Calls on fragments."""

from __future__ import annotations

from pulse.common.v1 import enums_pb2, fragment_pb2
from pulse.gateway.v1 import fragment_service_pb2 as pb
from pulse.gateway.v1.fragment_service_pb2_grpc import FragmentServiceStub
from pulse_client.calls import Call, Page, page
from pulse_client.enums import Channel
from pulse_client.fragments import read
from pulse_client.fragments.fragment import Fragment, FragmentContent
from pulse_client.wire import number, with_unknown


def create_fragment(fragment: Fragment) -> Call[Fragment]:
    """CreateFragment."""
    request = pb.CreateFragmentRequest(fragment=_fragment(fragment))
    return Call(FragmentServiceStub, "CreateFragment", request, read.fragment)


def update_fragment(fragment: Fragment, *, apply_to_templates: bool = False) -> Call[Fragment]:
    """UpdateFragment."""
    request = pb.UpdateFragmentRequest(fragment=_fragment(fragment), apply_to_templates=apply_to_templates)
    return Call(FragmentServiceStub, "UpdateFragment", request, read.fragment)


def get_fragment(name: str, version: int = 0) -> Call[Fragment]:
    """GetFragment."""
    return Call(FragmentServiceStub, "GetFragment", pb.GetFragmentRequest(name=name, version=version), read.fragment)


def list_fragments(page_size: int = 0) -> Call[Page[Fragment]]:
    """ListFragments, first page."""
    return page(
        FragmentServiceStub, "ListFragments", pb.ListFragmentsRequest(page_size=page_size), "fragments", read.fragment
    )


def delete_fragment(name: str) -> Call[None]:
    """DeleteFragment."""
    return Call(FragmentServiceStub, "DeleteFragment", pb.DeleteFragmentRequest(name=name), lambda _empty: None)


def _fragment(fragment: Fragment) -> fragment_pb2.Fragment:
    made = fragment_pb2.Fragment(name=fragment.name, contents=[_content(content) for content in fragment.contents])
    return with_unknown(made, fragment.unknown)


def _content(content: FragmentContent) -> fragment_pb2.FragmentContent:
    channel = number(Channel, enums_pb2.Channel, content.channel)
    made = fragment_pb2.FragmentContent(channel=channel, locale=content.locale, body=content.body)
    return with_unknown(made, content.unknown)
