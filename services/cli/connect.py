"""The gateway that commands call: where it is, and what is said when it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

from pulse_client import Client, PulseError
from pulse_client.errors import UNREACHABLE
from services.cli import output
from services.cli.config import CliSettings
from services.local import status
from services.local.config import LocalSettings
from shared.config import ConfigError
from shared.rpc.certificates import Certificates


@contextmanager
def gateway(address: str) -> Iterator[Client]:
    """A client for as long as the block lasts; a refusal inside it ends the command with a sentence."""
    settings = CliSettings.load_or_exit()
    place = address or gateway_address(settings)
    with Client(place, settings.api_key.get_secret_value(), settings.cli_timeout, tls(settings)) as client:
        try:
            yield client
        except PulseError as error:
            output.fail(sentence(error, client.address))
        except UnicodeEncodeError:
            output.fail("what was typed holds bytes that are not UTF-8 text", 2)


def gateway_address(settings: CliSettings) -> str:
    """What PULSE_GATEWAY_ADDRESS says, else where the local run's gateway is, else the default."""
    if "gateway_address" not in settings.model_fields_set:
        for role in status.report(LocalSettings.load_or_exit()):
            if role.role == "gateway" and role.address:
                return role.address
    return settings.gateway_address


def sentence(error: PulseError, address: str) -> str:
    """Why, what, and what to do, in one line."""
    if error.reason == UNREACHABLE:
        return f"nobody answers at {address}; is Pulse running? `pulse up` starts it"
    if error.code is grpc.StatusCode.UNAUTHENTICATED:
        return f"{error.reason}: {output.printable(error.message)}; PULSE_API_KEY holds the key of the pulse command"
    told = f"{error.reason}: {output.printable(error.message)}"
    if error.retry_after is not None:
        told += f"; try again in {error.retry_after:g} s"
    return f"{told}; {output.printable(error.hint)}" if error.hint else told


def tls(settings: CliSettings) -> bool | bytes | grpc.ChannelCredentials:
    """How the gateway is called: with this role's certificate if there is one, else as the command's settings say."""
    if settings.tls:
        try:
            own = Certificates(settings.tls).current()
        except ConfigError as error:
            output.fail(str(error), 2)
        return grpc.ssl_channel_credentials(own.authorities, own.key, own.certificate)
    if not (settings.cli_tls and settings.cli_ca_file):
        return settings.cli_tls
    try:
        return Path(settings.cli_ca_file).read_bytes()
    except OSError as error:
        output.fail(f"PULSE_CLI_CA_FILE={settings.cli_ca_file}: {error.strerror}", 2)
