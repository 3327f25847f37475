"""Calls about API keys: for those who run Pulse, so they are no part of the client library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from pulse.gateway.v1.key_service_pb2_grpc import KeyServiceStub
from pulse_client import connection
from pulse_client.errors import from_rpc_error
from services.cli import output
from services.cli.config import CliSettings
from services.cli.connect import gateway_address, sentence, tls

#: Takes a method's name and its request, and gives the response.
Call = Callable[[str, Any], Any]


@contextmanager
def key_calls(address: str) -> Iterator[Call]:
    """Calls of KeyService for as long as the block lasts; a refusal inside it ends the command with a sentence."""
    settings = CliSettings.load_or_exit()
    place = address or gateway_address(settings)
    metadata = connection.metadata(settings.api_key.get_secret_value())
    with _channel(place, tls(settings)) as channel:
        stub = KeyServiceStub(channel)

        def call(method: str, request: Any) -> Any:
            return getattr(stub, method)(request, timeout=settings.cli_timeout, metadata=metadata)

        try:
            yield call
        except grpc.RpcError as error:
            output.fail(sentence(from_rpc_error(error), place))


def _channel(place: str, encryption: bool | bytes | grpc.ChannelCredentials) -> grpc.Channel:
    credentials = connection.credentials(encryption)
    if credentials is None:
        return grpc.insecure_channel(place, connection.options())
    return grpc.secure_channel(place, credentials, connection.options())
