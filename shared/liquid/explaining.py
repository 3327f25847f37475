"""Why a template could not be rendered: by what stands in it, never by a value."""

from __future__ import annotations

from collections.abc import Sequence

from liquid import Token
from liquid.builtin.expressions import Path
from liquid.exceptions import UndefinedError
from liquid.template import BoundTemplate

from shared.error_bounds import quoted
from shared.liquid.refused import Refused
from shared.liquid.tree import filters_of, path_at, written


def missing_variable(template: BoundTemplate, error: UndefinedError) -> str:
    """The name of the variable that the context does not hold, up to where its path breaks off."""
    path = path_at(template, error.token)
    followed = str(error.args[0]) if error.args else ""
    if path is None or not followed.isdigit():
        return "forloop.parentloop"  # the only one without a place
    return written(path, int(followed))


def refusal(template: BoundTemplate, at: Token | None, refused: Refused) -> tuple[str, str]:
    """A sentence about what the filter at ``at`` refused, and the variable it came from, "" for none."""
    for expression, filter_ in filters_of(template):
        if filter_.token == at:
            given = expression.left if refused.place == 0 else _argument(filter_.args, refused.place)
            variable = written(given, len(given.path)) if isinstance(given, Path) else ""
            subject = quoted(variable) if variable else "what it is given"
            return f"the filter '{filter_.name}': {subject} {refused.what}", variable
    return f"a filter's value {refused.what}", ""


def _argument(args: Sequence[object], place: int) -> object:
    return getattr(args[place - 1], "value", None) if place <= len(args) else None


def failure(at: Token | None) -> str:
    """A sentence about any other failure."""
    return f"the filter '{at.value}' cannot take what it is given" if at else "the template and context do not fit"
