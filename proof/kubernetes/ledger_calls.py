"""Run in a router's pod: calls the ledger, and prints the status of each answer, a word each.

In the clear what a router may call; with the router's certificate the same; and with it what only a worker may call.
"""

from __future__ import annotations

import sys
from pathlib import Path

import grpc

from services.router.config import RouterSettings
from shared.rpc.identity import name_of

OWN, WORKERS = (f"/pulse.ledger.v1.LedgerReader/{method}" for method in ("ListLimits", "GetTemplate"))


def answer(channel: grpc.Channel, method: str) -> str:
    """``OK``, or the name of the status of an empty request."""
    try:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        call(b"", timeout=10)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


def main() -> None:
    """See the module."""
    settings = RouterSettings.load_or_exit()
    assert settings.tls is not None
    certificate, key, authorities = (Path(file).read_bytes() for file in settings.tls)
    clear = grpc.insecure_channel(settings.ledger_address)
    named = [("grpc.ssl_target_name_override", name_of("ledger"))]
    secure = grpc.secure_channel(
        settings.ledger_address, grpc.ssl_channel_credentials(authorities, key, certificate), named
    )
    sys.stdout.write(" ".join((answer(clear, OWN), answer(secure, OWN), answer(secure, WORKERS))))


if __name__ == "__main__":
    main()
