"""Responses on fragments as the client's own types."""

from __future__ import annotations

from pulse.common.v1 import enums_pb2, fragment_pb2
from pulse_client.enums import Channel
from pulse_client.fragments.fragment import Fragment, FragmentContent, FragmentUse
from pulse_client.wire import name, time, unknown


def fragment(stored: fragment_pb2.Fragment) -> Fragment:
    """From the fragment service."""
    contents = (
        FragmentContent(one.body, name(Channel, enums_pb2.Channel, one.channel), one.locale, unknown(one))
        for one in stored.contents
    )
    uses = (FragmentUse(use.template_name, use.template_version, use.fragment_version) for use in stored.used_by)
    return Fragment(
        stored.name,
        tuple(contents),
        stored.version,
        time(stored, "create_time"),
        time(stored, "update_time"),
        tuple(stored.fragments),
        tuple(uses),
        unknown(stored),
    )
