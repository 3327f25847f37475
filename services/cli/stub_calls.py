"""Calls by a stub of the contract: for commands that are no part of the client library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from pulse_client import PulseError, connection
from pulse_client.errors import from_rpc_error
from services.cli import output
from services.cli.config import CliSettings
from services.cli.connect import gateway_address, sentence, tls

#: Takes a method's name and its request, and gives the response; raises PulseError.
Call = Callable[[str, Any], Any]


@contextmanager
def stub_calls(address: str, stub: Callable[[grpc.Channel], Any]) -> Iterator[Call]:
    """Calls of a service for as long as the block lasts; a refusal inside it ends the command with a sentence."""
    settings = CliSettings.load_or_exit()
    place = address or gateway_address(settings)
    metadata = connection.metadata(settings.api_key.get_secret_value())
    with _channel(place, tls(settings)) as channel:
        service = stub(channel)

        def call(method: str, request: Any) -> Any:
            try:
                return getattr(service, method)(request, timeout=settings.cli_timeout, metadata=metadata)
            except grpc.RpcError as error:
                raise from_rpc_error(error) from None

        try:
            yield call
        except PulseError as error:
            output.fail(sentence(error, place))


def _channel(place: str, encryption: bool | bytes | grpc.ChannelCredentials) -> grpc.Channel:
    credentials = connection.credentials(encryption)
    if credentials is None:
        return grpc.insecure_channel(place, connection.options())
    return grpc.secure_channel(place, credentials, connection.options())
