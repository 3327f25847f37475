"""Which lane a notification takes."""

from __future__ import annotations

from services.router.rules.decisions import Decision
from shared.lane.names import Lane
from shared.lane.urgent_names import urgent_word


def choose_lane(requested: Lane | None, template: Lane | None, template_name: str) -> Decision:
    """The request's priority, else the template's, else the rule on the template's name, else LOW."""
    if requested is not None:
        return Decision("lane", requested.value, "The request asks for it.")
    if template is not None:
        return Decision("lane", template.value, "The template says so.")
    if word := urgent_word(template_name):
        return Decision("lane", Lane.HIGH.value, f'The template\'s name contains "{word}".')
    return Decision("lane", Lane.LOW.value, "Nothing asks for haste.")
