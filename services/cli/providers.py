"""``pulse providers``: list, pause, resume, override."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import output
from services.cli.options import Address, ChannelName, Json

if TYPE_CHECKING:
    from pulse_client import ProviderState

Name = Annotated[str, typer.Argument(metavar="PROVIDER", help="its name")]
MaybeName = Annotated[str, typer.Argument(metavar="[PROVIDER]", help="its name; or give --channel")]


class Wanted(enum.StrEnum):
    """What can be wanted of a breaker."""

    OPEN = "open"
    CLOSED = "closed"
    AUTOMATIC = "automatic"


_OVERRIDES = {Wanted.OPEN: "FORCED_OPEN", Wanted.CLOSED: "FORCED_CLOSED", Wanted.AUTOMATIC: "AUTOMATIC"}


def build() -> typer.Typer:
    """The group of commands."""
    tree = typer.Typer(
        help="See how providers do; pause them, or decide whether they are called.", no_args_is_help=True
    )
    for name, command in (("list", list_), ("pause", pause), ("resume", resume), ("override", override)):
        tree.command(name)(command)
    return tree


def list_(json: Json = False, address: Address = "") -> None:
    """List providers: breaker, pauses, whether they can be reached."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        found = client.list_providers()
    if json:
        output.print_json(found)
        return
    output.print_table(
        ("CHANNEL", "PROVIDER", "BREAKER", "OVERRIDE", "PAUSED", "REACHABLE", "DETAILS"),
        [
            (one.channel, one.provider, one.breaker, one.override, _paused(one), _yes(one.reachable), _details(one))
            for one in found
        ],
    )


def pause(provider: MaybeName = "", channel: ChannelName = "", address: Address = "") -> None:
    """Stop sending by a provider or a channel; what waits goes on waiting."""
    named = _one(provider, channel)
    from services.cli.connect import gateway

    with gateway(address) as client:
        client.pause(channel, provider)
    output.say(f"{named} is paused")


def resume(provider: MaybeName = "", channel: ChannelName = "", address: Address = "") -> None:
    """Go on sending by a provider or a channel."""
    named = _one(provider, channel)
    from services.cli.connect import gateway

    with gateway(address) as client:
        client.resume(channel, provider)
    output.say(f"{named} goes on")


def override(
    provider: Name,
    wanted: Annotated[Wanted, typer.Argument(help="open: not called; closed: called; automatic: failures decide")],
    json: Json = False,
    address: Address = "",
) -> None:
    """Decide whether a provider is called, whatever its failures say."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        state = client.override_breaker(provider, _OVERRIDES[wanted])
    if json:
        output.print_json(state)
    else:
        output.say(f"{provider}: {state.override}")


def _one(provider: str, channel: str) -> str:
    if bool(provider) == bool(channel):
        raise typer.BadParameter("give a provider, or --channel")
    return provider or channel


def _yes(said: bool) -> str:
    return "yes" if said else "no"


def _paused(state: ProviderState) -> str:
    return "channel" if state.channel_paused else _yes(state.paused)


def _details(state: ProviderState) -> str:
    told = [state.reason, state.problem, "receipts are slow" if state.receipts_slow else ""]
    return "; ".join(text for text in told if text)
