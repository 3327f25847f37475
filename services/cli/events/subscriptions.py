"""``pulse subscriptions``: events sent to endpoints."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli import output, parse
from services.cli.options import Address, Json

if TYPE_CHECKING:
    from pulse_client import Subscription

Id = Annotated[str, typer.Argument(metavar="ID", help="the subscription's id")]
Types = Annotated[list[str], typer.Option("--type", metavar="TYPE", help="only these events; may be given often")]
Categories = Annotated[list[str], typer.Option("--category", help="only these categories; may be given often")]
Templates = Annotated[list[str], typer.Option("--template", help="only these templates; may be given often")]
Channels = Annotated[
    list[str], typer.Option("--channel", parser=parse.channel, metavar="CHANNEL", help="only these; may be given often")
]
Labels = Annotated[list[str], typer.Option("--label", metavar="NAME=TEXT", help="only with these; may be given often")]


def build() -> typer.Typer:
    """The group of commands."""
    tree = typer.Typer(help="Have events sent to your own endpoints, signed.", no_args_is_help=True)
    for name, command in (
        ("create", create),
        ("list", list_),
        ("get", get),
        ("delete", delete),
        ("rotate-secret", rotate_secret),
        ("test", test),
        ("pause", pause),
        ("resume", resume),
        ("deliveries", deliveries),
        ("redeliver", redeliver),
    ):
        tree.command(name)(command)
    return tree


def create(
    url: Annotated[str, typer.Argument(metavar="URL", help="where they are sent")],
    types: Types = [],  # noqa: B006  # typer makes new lists for each run
    categories: Categories = [],  # noqa: B006
    channels: Channels = [],  # noqa: B006
    templates: Templates = [],  # noqa: B006
    labels: Labels = [],  # noqa: B006
    cloudevents: Annotated[bool, typer.Option("--cloudevents", help="as CloudEvents 1.0")] = False,
    description: Annotated[str, typer.Option("--description", help="for people")] = "",
    json: Json = False,
    address: Address = "",
) -> None:
    """Have what happens from now on sent to URL; the secret that signs it is printed, once."""
    from pulse_client import Subscription
    from services.cli.connect import gateway

    wanted = Subscription(
        url=url,
        event_types=types,
        categories=categories,
        channels=channels,
        template_names=templates,
        metadata=parse.labels(labels, "--label"),
        format="CLOUDEVENTS" if cloudevents else "STANDARD_WEBHOOKS",
        description=description,
    )
    with gateway(address) as client:
        made = client.create_subscription(wanted)
    if json:
        output.print_json(made)
        return
    print(made.secret)
    output.say(f"{made.subscription.subscription_id} is made; keep its secret: it is not told again")


def list_(json: Json = False, address: Address = "") -> None:
    """List subscriptions, the last made first."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        found = client.list_subscriptions()
    if json:
        output.print_json(found)
        return
    rows = [(s.subscription_id, s.state, s.failing_since, ", ".join(s.event_types) or "all", s.url) for s in found]
    output.print_table(("ID", "STATE", "FAILING SINCE", "EVENTS", "URL"), rows)


def get(subscription_id: Id, json: Json = False, address: Address = "") -> None:
    """Show a subscription."""
    _shown(lambda client: client.get_subscription(subscription_id), json, address)


def pause(subscription_id: Id, json: Json = False, address: Address = "") -> None:
    """Send nothing more until it is resumed."""
    _shown(lambda client: client.pause_subscription(subscription_id), json, address)


def resume(subscription_id: Id, json: Json = False, address: Address = "") -> None:
    """Go on where it was paused or disabled."""
    _shown(lambda client: client.resume_subscription(subscription_id), json, address)


def delete(subscription_id: Id, address: Address = "") -> None:
    """End a subscription, and forget its deliveries."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        client.delete_subscription(subscription_id)
    output.say(f"{subscription_id} is deleted")


def rotate_secret(subscription_id: Id, address: Address = "") -> None:
    """Make another secret and print it; for 24 hours the one before signs too."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        print(client.rotate_subscription_secret(subscription_id))


def test(subscription_id: Id, json: Json = False, address: Address = "") -> None:
    """Send it subscription.test; ``pulse subscriptions deliveries`` shows the answer."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        sent = client.test_subscription(subscription_id)
    if json:
        output.print_json(sent)
    else:
        output.say(f"{sent.event.event_id} is on its way")


def deliveries(
    subscription_id: Id,
    state: Annotated[str, typer.Option("--state", metavar="pending|delivered|failed", help="only these")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="how many at the most")] = 50,
    json: Json = False,
    address: Address = "",
) -> None:
    """List what became of its events, the last first."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        pages = client.list_event_deliveries(subscription_id, state.upper() or None, page_size=min(limit, 1000))
        found = list(islice(pages, limit))
    if json:
        output.print_json(found)
        return
    output.print_table(
        ("CREATED", "EVENT", "TYPE", "STATE", "ATTEMPT", "ANSWER", "NEXT ATTEMPT"),
        [
            (
                d.create_time,
                d.event.event_id,
                d.event.type,
                d.state,
                d.attempt,
                d.answer_status or d.error,
                d.next_attempt_time,
            )
            for d in found
        ],
    )


def redeliver(
    subscription_id: Id,
    event: Annotated[str, typer.Option("--event", metavar="ID", help="this event's")] = "",
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="those that came to be from then on")] = "",
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="and before then")] = "",
    address: Address = "",
) -> None:
    """Send again what had ended: --event ID, or --since TIME --until TIME."""
    from services.cli.connect import gateway

    with gateway(address) as client:
        count = client.redeliver_events(
            subscription_id,
            event,
            created_after=parse.moment(since) if since else None,
            created_before=parse.moment(until) if until else None,
        )
    output.say(f"{count} are sent again")


def _shown(call: Callable[[Any], Subscription], json: bool, address: str) -> None:
    from services.cli.connect import gateway

    with gateway(address) as client:
        found = call(client)
    if json:
        output.print_json(found)
        return
    output.print_fields(
        {
            "id": found.subscription_id,
            "url": found.url,
            "state": found.state,
            "failing since": found.failing_since,
            "events": ", ".join(found.event_types) or "all",
            "categories": ", ".join(found.categories),
            "channels": ", ".join(found.channels),
            "templates": ", ".join(found.template_names),
            "labels": dict(found.metadata),
            "format": found.format,
            "description": found.description,
            "made": found.create_time,
        }
    )
