"""``pulse keys``: create, list, rotate, revoke, bootstrap."""

from __future__ import annotations

import datetime as dt
import os
import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import output, parse
from services.cli.options import Address, Json
from shared.clock import SystemClock

if TYPE_CHECKING:
    from pulse.common.v1.key_pb2 import ApiKey
    from services.cli.stub_calls import Call

KeyId = Annotated[str, typer.Argument(metavar="ID", help="the key's public part: pulse_...")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="what stands in timelines for its holder")]
Tenant = Annotated[str, typer.Option("--tenant", help="whose; another tenant's needs the scope administer")]
Scopes = Annotated[
    list[str],
    typer.Option("--scope", help="send, read, templates, operate, keys or administer; may be given many times"),
]

_TIMES = ("create_time", "expire_time", "revoke_time")


def build() -> typer.Typer:
    """The group of commands."""
    tree = typer.Typer(help="Make, list, rotate and revoke API keys.", no_args_is_help=True)
    for name, command in (
        ("create", create),
        ("list", list_),
        ("rotate", rotate),
        ("revoke", revoke),
        ("bootstrap", bootstrap),
    ):
        tree.command(name)(command)
    return tree


def create(
    name: Name,
    scope: Scopes,
    expires: Annotated[
        dt.timedelta | None,
        typer.Option("--expires", parser=parse.length, metavar="LENGTH", help="it ends after so long: 90d, 12h"),
    ] = None,
    tenant: Tenant = "",
    json: Json = False,
    address: Address = "",
) -> None:
    """Make a key, and print it: it cannot be told again."""
    from pulse.common.v1.key_pb2 import ApiKey
    from pulse.gateway.v1 import key_service_pb2 as api
    from shared.times import to_timestamp

    end = to_timestamp(SystemClock().now() + expires) if expires else None
    key = ApiKey(name=name, scopes=scope, tenant_id=tenant, expire_time=end)
    with _calls(address) as call:
        made = call("CreateKey", api.CreateKeyRequest(key=key))
    _tell(made.key, made.secret, json)


def list_(tenant: Tenant = "", json: Json = False, address: Address = "") -> None:
    """List keys, the last made first, without their secrets."""
    from pulse.gateway.v1 import key_service_pb2 as api

    with _calls(address) as call:
        keys = call("ListKeys", api.ListKeysRequest(tenant_id=tenant)).keys
    if json:
        output.print_json([_fields(key) for key in keys])
        return
    output.print_table(
        ("ID", "NAME", "SCOPES", "MADE", "ENDS", "REVOKED"),
        [(key.key_id, key.name, " ".join(key.scopes), *(_when(key, name) for name in _TIMES)) for key in keys],
    )


def rotate(
    key_id: KeyId,
    overlap: Annotated[
        dt.timedelta | None,
        typer.Option("--overlap", parser=parse.length, metavar="LENGTH", help="the old one goes on: 1h; else 24h"),
    ] = None,
    tenant: Tenant = "",
    json: Json = False,
    address: Address = "",
) -> None:
    """Make a key with the same name and scopes, print it, and let the old one end."""
    from pulse.gateway.v1 import key_service_pb2 as api
    from shared.times import to_duration

    request = api.RotateKeyRequest(key_id=key_id, tenant_id=tenant)
    if overlap is not None:
        request.overlap.CopyFrom(to_duration(overlap.total_seconds()))
    with _calls(address) as call:
        made = call("RotateKey", request)
    _tell(made.key, made.secret, json)


def revoke(key_id: KeyId, tenant: Tenant = "", address: Address = "") -> None:
    """End a key: within seconds, nobody gets in by it."""
    from pulse.gateway.v1 import key_service_pb2 as api

    with _calls(address) as call:
        call("RevokeKey", api.RevokeKeyRequest(key_id=key_id, tenant_id=tenant))
    output.say(f"{key_id} is revoked.")


def bootstrap(
    name: Name = "administrator",
    tenant: Annotated[str, typer.Option("--tenant", help="whose")] = "default",
) -> None:
    """Make the first key, which may do everything: straight in the database, where the ledger's settings are."""
    arguments = ["-m", "services.ledger.first_key", "--name", name, "--tenant", tenant]
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606  # a name of our own module


def _calls(address: str) -> AbstractContextManager[Call]:
    from pulse.gateway.v1.key_service_pb2_grpc import KeyServiceStub
    from services.cli.stub_calls import stub_calls

    return stub_calls(address, KeyServiceStub)


def _tell(key: ApiKey, secret: str, json: bool) -> None:
    if json:
        output.print_json({**_fields(key), "secret": secret})
        return
    output.say(f"{key.key_id} may: {', '.join(key.scopes)}. This is the key; it cannot be told again:")
    print(secret)


def _fields(key: ApiKey) -> dict[str, object]:
    times = {name: _when(key, name) for name in _TIMES}
    return {"key_id": key.key_id, "name": key.name, "scopes": list(key.scopes), "tenant_id": key.tenant_id, **times}


def _when(key: ApiKey, name: str) -> dt.datetime | None:
    from shared.times import from_timestamp

    return from_timestamp(getattr(key, name)) if name in {field.name for field, _ in key.ListFields()} else None
