"""Why a template could not be rendered: by what stands in it, never by a value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from liquid import Token
from liquid.builtin.expressions import Path
from liquid.exceptions import LiquidError, UndefinedError
from liquid.expression import Expression
from liquid.template import BoundTemplate

from shared.text.error_bounds import quoted
from shared.text.liquid.tree import expressions_at, filters_of, path_at, written
from shared.text.liquid.unfit_value import UnfitValue

#: Variables that a sentence names at most.
_MOST_NAMED = 3


def missing_variable(template: BoundTemplate, error: UndefinedError) -> str:
    """The name of the variable that the context does not hold, up to where its path breaks off."""
    path = path_at(template, error.token)
    followed = str(error.args[0]) if error.args else ""
    if path is None or not followed.isdigit():
        return "forloop.parentloop"  # the only one without a place
    return written(path, int(followed))


def refusal(template: BoundTemplate, at: Token | None, refused: UnfitValue) -> tuple[str, str]:
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


def failure(template: BoundTemplate, last_filter: Token | None, error: BaseException) -> tuple[str, str]:
    """A sentence about any other failure, and the variables that take part in it, "" for none.

    Only the library's own errors tell where they came up; any other is put down to the filter that was called last.
    """
    at = error.token if isinstance(error, LiquidError) and error.token else last_filter
    for expression, filter_ in filters_of(template):
        if filter_.token == at:
            names = _variables([expression])
            return f"the filter '{filter_.name}' cannot take {_listed(names) or 'what it is given'}", ", ".join(names)
    names = _variables(expressions_at(template, at))
    return f"the template and {_listed(names) or 'the context'} do not fit", ", ".join(names)


def _variables(expressions: Iterable[Expression]) -> list[str]:
    """The first variables that expressions are made of, as they are written."""
    waiting, names = [*expressions], []
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, Path):
            names.append(written(one, len(one.path)))
        waiting.extend(one.children())
    return list(dict.fromkeys(names))[:_MOST_NAMED]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(quoted, names))
