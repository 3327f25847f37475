"""One event of the feed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format

from pulse.common.v1 import event_pb2
from pulse_client.wire import time


@dataclass(frozen=True)
class FeedEvent:
    """One thing that happened in your tenant: ``type`` says what, ``notification_id`` to which ("": to none).

    ``event_id`` is the same however often it is told. ``position`` is where to go on after it. ``data`` is what REST
    gives under that name.
    """

    event_id: str
    position: str
    type: str
    time: dt.datetime | None
    notification_id: str
    data: Mapping[str, Any]


def read_event(told: event_pb2.Event) -> FeedEvent:
    """From ListEvents and StreamEvents."""
    return FeedEvent(
        event_id=told.event_id,
        position=told.position,
        type=told.type,
        time=time(told, "time"),
        notification_id=told.notification_id,
        data=json_format.MessageToDict(told.data, preserving_proto_field_name=True),
    )
