"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli import parse
from shared.channel.table import NAMES as CHANNEL_NAMES

Address = Annotated[
    str, typer.Option("--address", metavar="HOST:PORT", help="the gateway; else PULSE_GATEWAY_ADDRESS or the local run")
]
Json = Annotated[bool, typer.Option("--json", help="print JSON")]
NotificationId = Annotated[str, typer.Argument(metavar="ID", help="a notification's id")]
ChannelName = Annotated[
    str,
    typer.Option(
        "--channel",
        parser=parse.channel,
        metavar="|".join(CHANNEL_NAMES),
        help="how it is sent",
    ),
]
PriorityName = Annotated[
    str, typer.Option("--priority", parser=parse.priority, metavar="high|low", help="the lane it travels in")
]
Locale = Annotated[str, typer.Option("--locale", metavar="TAG", help="the language, a BCP 47 tag: de, pt-BR")]
Context = Annotated[
    str, typer.Option("--context", metavar="JSON", help='the template\'s variables: \'{"name": "Ann"}\'')
]
Variables = Annotated[
    list[str], typer.Option("--var", metavar="NAME=TEXT", help="one variable; may be given many times")
]
