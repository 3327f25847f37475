"""Calls on destinations."""

from __future__ import annotations

from pulse.common.v1 import destination_pb2
from pulse.gateway.v1 import destination_service_pb2 as pb
from pulse.gateway.v1.destination_service_pb2_grpc import DestinationServiceStub
from pulse_client.calls import Call
from pulse_client.destinations.destination import Destination
from pulse_client.wire import time


def create_destination(name: str, url: str) -> Call[Destination]:
    """CreateDestination."""
    request = pb.CreateDestinationRequest(destination=destination_pb2.Destination(name=name, url=url))
    return Call(DestinationServiceStub, "CreateDestination", request, _destination)


def update_destination(name: str, url: str) -> Call[Destination]:
    """UpdateDestination."""
    request = pb.UpdateDestinationRequest(destination=destination_pb2.Destination(name=name, url=url))
    return Call(DestinationServiceStub, "UpdateDestination", request, _destination)


def get_destination(name: str) -> Call[Destination]:
    """GetDestination."""
    return Call(DestinationServiceStub, "GetDestination", pb.GetDestinationRequest(name=name), _destination)


def list_destinations() -> Call[tuple[Destination, ...]]:
    """ListDestinations."""
    return Call(
        DestinationServiceStub,
        "ListDestinations",
        pb.ListDestinationsRequest(),
        lambda answer: tuple(map(_destination, answer.destinations)),
    )


def delete_destination(name: str) -> Call[None]:
    """DeleteDestination."""
    request = pb.DeleteDestinationRequest(name=name)
    return Call(DestinationServiceStub, "DeleteDestination", request, lambda _empty: None)


def _destination(kept: destination_pb2.Destination) -> Destination:
    return Destination(
        kept.name,
        kept.kind,
        kept.host,
        kept.fingerprint,
        kept.key_id,
        time(kept, "create_time"),
        time(kept, "update_time"),
    )
