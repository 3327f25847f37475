"""Whether a channel can carry what a recipient is to see: a provider would refuse it for good."""

from __future__ import annotations

from services.gateway.rules import whatsapp
from shared.channel.table import Channel
from shared.errors import invalid_field
from shared.saying.said import NOTHING, Said
from shared.text import channel_bounds
from shared.text.rendering import Rendered

#: As long as any id that the notification will have.
_ANY_ID = "0" * 36


def check(channel: Channel, subject: str, rendered: Rendered, said: Said = NOTHING) -> None:
    """Raises INVALID_ARGUMENT; ``subject`` is the request's own, which takes the place of the rendered one.

    ``said`` is what is said beside subject and text, the request's laid over the template's.
    """
    whatsapp.check(said.whatsapp)
    bound = channel.facts.bound
    if bound is None or bound.in_its_place(said):
        return
    if bound.reason_if_empty and channel_bounds.says_nothing(rendered.body):
        raise invalid_field("context", bound.reason_if_empty, f"makes {bound.what} in which there is nothing to see")
    size = bound.size(_ANY_ID, subject or rendered.subject, rendered.body)
    if size > bound.most:
        description = f"makes {bound.what} of {size} {bound.unit}; at most {bound.most} can be sent"
        raise invalid_field("context", bound.reason, description, bound.hint)
