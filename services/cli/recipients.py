"""``pulse recipients``: what users want, must not get, and can be reached by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import output, parse
from services.cli.options import Address, ChannelName, Json

if TYPE_CHECKING:
    from pulse_client import Choice, DeviceToken, Preferences, Suppression

User = Annotated[str, typer.Argument(metavar="USER", help="whom, in your own terms")]
Choices = Annotated[list[str], typer.Option(metavar="[CATEGORY:]CHANNEL", help="may be given many times")]


def build() -> typer.Typer:
    """The group of commands."""
    tree = typer.Typer(help="Keep what users want, must not get, and can be reached by.", no_args_is_help=True)
    for name, command in (
        ("show", show),
        ("prefer", prefer),
        ("suppress", suppress),
        ("unsuppress", unsuppress),
        ("add-device", add_device),
        ("remove-device", remove_device),
    ):
        tree.command(name)(command)
    return tree


def show(user: User, json: Json = False, address: Address = "") -> None:
    """Show a user's preferences, suppressions and devices."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        preferences, devices = client.get_preferences(user), client.list_device_tokens(user)
        suppressions = tuple(client.list_suppressions(user))
    if json:
        output.print_json({"preferences": preferences, "suppressions": suppressions, "device_tokens": devices})
        return
    _print_preferences(preferences)
    _print_suppressions(suppressions)
    _print_devices(devices)


def prefer(
    user: User,
    on: Choices = [],  # noqa: B006  # typer makes a new list for each run
    off: Choices = [],  # noqa: B006
    time_zone: Annotated[str, typer.Option("--time-zone", metavar="NAME", help="Europe/Berlin, say; else UTC")] = "",
    quiet: Annotated[str, typer.Option("--quiet", metavar="HH:MM-HH:MM", help="put off what may wait")] = "",
    json: Json = False,
    address: Address = "",
) -> None:
    """Replace all of a user's preferences: --off newsletter:email --quiet 22:00-07:00."""
    begin, _, end = quiet.partition("-")
    from pulse_client import Preferences
    from services.cli.connect import gateway

    choices = (*(_choice(text, True) for text in on), *(_choice(text, False) for text in off))
    with gateway(address) as client:
        kept = client.update_preferences(Preferences(user, choices, time_zone, begin, end))
    if json:
        output.print_json(kept)
    else:
        _print_preferences(kept)


def suppress(
    user: User,
    channel: ChannelName = "",
    to: Annotated[str, typer.Option("--to", help="only this mail address, phone number or device token")] = "",
    category: Annotated[str, typer.Option("--category", help="only this category")] = "",
    json: Json = False,
    address: Address = "",
) -> None:
    """Stop a channel or an address of a user."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        kept = client.create_suppression(user, channel, to, category=category)
    if json:
        output.print_json(kept)
    else:
        print(kept.suppression_id)


def unsuppress(
    user: User,
    suppression_id: Annotated[str, typer.Argument(metavar="ID", help="a suppression's id")],
    address: Address = "",
) -> None:
    """Lift a suppression."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        client.delete_suppression(user, suppression_id)
    output.say("lifted")


def add_device(
    user: User,
    token: Annotated[
        str, typer.Argument(metavar="TOKEN", help="FCM's or APNs' token, or a browser's subscription as JSON")
    ],
    label: Annotated[str, typer.Option("--label", help='yours, "Pixel 9" say')] = "",
    kind: Annotated[
        str,
        typer.Option(
            "--kind", parser=parse.device_kind, metavar="fcm|apns|web_push", help="by whose service it is reached"
        ),
    ] = "FCM",
    json: Json = False,
    address: Address = "",
) -> None:
    """Keep a device that pushes go to."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        kept = client.register_device_token(user, token, label, kind)
    if json:
        output.print_json(kept)
    else:
        print(kept.device_token_id)


def remove_device(
    user: User,
    device_token_id: Annotated[str, typer.Argument(metavar="ID", help="a device token's id")],
    address: Address = "",
) -> None:
    """Forget a device."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        client.delete_device_token(user, device_token_id)
    output.say("forgotten")


def _choice(text: str, enabled: bool) -> Choice:
    from pulse_client import Channel, Choice

    category, _, channel = text.rpartition(":")
    return Choice(Channel(parse.channel(channel) or "UNSPECIFIED"), enabled, category)


def _print_preferences(kept: Preferences) -> None:
    quiet = f"{kept.quiet_from} to {kept.quiet_until}, {kept.time_zone or 'UTC'}" if kept.quiet_from else ""
    fields = {f"{c.category or 'all'} by {c.channel}": "on" if c.enabled else "off" for c in kept.choices}
    output.print_fields({"user": kept.user_id, "quiet": quiet, **fields})


def _print_suppressions(found: tuple[Suppression, ...]) -> None:
    if found:
        print()
        output.print_table(
            ("SUPPRESSION", "SINCE", "CHANNEL", "ADDRESS", "CATEGORY", "REASON"),
            [(s.suppression_id, s.create_time, s.channel, s.address, s.category, s.reason) for s in found],
        )


def _print_devices(found: tuple[DeviceToken, ...]) -> None:
    if found:
        print()
        output.print_table(
            ("DEVICE", "REGISTERED", "KIND", "LABEL", "TOKEN"),
            [(d.device_token_id, d.update_time, d.kind, d.label, d.token) for d in found],
        )
