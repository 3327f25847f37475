"""How a request to an endpoint is written: its body, its headers, its signature."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from google.protobuf import json_format

from pulse.common.v1 import event_pb2, subscription_pb2
from pulse.ledger.v1 import ledger_subscriptions_pb2 as pb
from services.delivery.providers.base.standard_signature import Signer

_CLOUDEVENTS = subscription_pb2.Subscription.CLOUDEVENTS


class Written(NamedTuple):
    """One request, but for where it goes."""

    headers: dict[str, str]
    body: bytes


def written(due: pb.DueEventDelivery, now: float) -> Written:
    """Signed at ``now``, s since 1970; ``webhook-id`` is the event's, whatever the attempt."""
    clouds = due.format == _CLOUDEVENTS
    told = _cloud_event(due) if clouds else _standard(due.event)
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    signed = Signer.parse(",".join(due.secrets)).headers(due.event.event_id, int(now), body)
    kind = "application/cloudevents+json" if clouds else "application/json"
    return Written({"content-type": f"{kind}; charset=utf-8", **signed}, body)


def _standard(event: event_pb2.Event) -> dict[str, Any]:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#payload-structure"""
    return {"type": event.type, "timestamp": event.time.ToJsonString(), "data": _data(event)}


def _cloud_event(due: pb.DueEventDelivery) -> dict[str, Any]:
    """https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md"""
    event = due.event
    told = {
        "specversion": "1.0",
        "id": event.event_id,
        "source": f"/v1/subscriptions/{due.subscription_id}",
        "type": event.type,
        "time": event.time.ToJsonString(),
        "datacontenttype": "application/json",
        "data": _data(event),
    }
    return told | ({"subject": event.notification_id} if event.notification_id else {})


def _data(event: event_pb2.Event) -> dict[str, Any]:
    """As REST gives it, with whom it is about."""
    told = json_format.MessageToDict(event.data, preserving_proto_field_name=True)
    about = {"notification_id": event.notification_id} if event.notification_id else {}
    return {"event_id": event.event_id, **about, **told}
