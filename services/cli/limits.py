"""``pulse limits``: list, set, delete."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from services.cli import output, parse
from services.cli.options import Address, Json

Tenant = Annotated[
    str, typer.Option("--tenant", metavar="TENANT|*", help="another's, or all tenants': for platform administrators")
]


def build() -> typer.Typer:
    """The group of commands."""
    tree = typer.Typer(help="Change limits while Pulse runs.", no_args_is_help=True)
    for name, command in (("list", list_), ("set", set_), ("delete", delete)):
        tree.command(name)(command)
    return tree


def list_(tenant: Tenant = "", json: Json = False, address: Address = "") -> None:
    """List the limits that differ from what is configured."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        found = client.list_limits(tenant)
    if json:
        output.print_json(found)
        return
    output.print_table(
        ("ID", "TENANT", "AMOUNT", "PER", "SET BY", "CHANGED"),
        [(one.limit_id, one.tenant_id or "*", one.amount, one.window, one.actor, one.update_time) for one in found],
    )


def set_(
    kind: Annotated[
        str,
        typer.Argument(
            parser=parse.limit_kind,
            metavar="KIND",
            help="user_channel, recipient, tenant, sms_prefix, sms_spend, provider or fair_share",
        ),
    ],
    amount: Annotated[int, typer.Argument(min=0, help="how many")],
    per: Annotated[
        dt.timedelta | None,
        typer.Option("--per", parser=parse.length, metavar="LENGTH", help="in any so long: 60s, 1h, 1d"),
    ] = None,
    subject: Annotated[
        str, typer.Option("--subject", metavar="TEXT", help="a template, a provider, or a prefix such as +49")
    ] = "",
    tenant: Tenant = "",
    json: Json = False,
    address: Address = "",
) -> None:
    """Set a limit, in effect everywhere within seconds."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        limit = client.set_limit(kind, amount, per, subject=subject, tenant_id=tenant)
    if json:
        output.print_json(limit)
    else:
        output.say(f"{limit.limit_id} is {limit.amount}" + (f" per {output.printable(per)}" if per else ""))


def delete(
    limit_id: Annotated[str, typer.Argument(metavar="ID", help="as listed")], tenant: Tenant = "", address: Address = ""
) -> None:
    """Forget a limit: what is configured counts again."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        client.delete_limit(limit_id, tenant)
    output.say(f"{limit_id} is as configured")
