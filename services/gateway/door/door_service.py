"""DoorService: tells the edge whether a credential is one, before the edge takes in what comes with it."""

from __future__ import annotations

from pulse.gateway.v1 import door_service_pb2 as api
from pulse.gateway.v1 import door_service_pb2_grpc as api_grpc
from services.gateway.door import headers
from services.gateway.door.auth import Door
from services.gateway.door.calls import Context
from shared.errors import PulseError

#: The edge reads trailers, and of details in protobuf nothing.
_REASON = "x-pulse-reason"


class DoorService(api_grpc.DoorServiceServicer):
    """Asks the door and nobody else, so that a check costs little."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def CheckCredential(
        self, request: api.CheckCredentialRequest, context: Context
    ) -> api.CheckCredentialResponse:
        try:
            self._door.admit(headers.read(context.invocation_metadata() or ()))
        except PulseError as error:
            context.set_trailing_metadata(((_REASON, error.reason),))
            raise
        return api.CheckCredentialResponse()
