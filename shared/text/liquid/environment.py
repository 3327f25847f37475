"""The environment all templates are parsed in.

Liquid itself reaches only what a context holds, by item and never by attribute. What its own limits do not cover is
covered here: a budget of work, filters of ours in place of its own, and no tags that load other templates.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, cast

from liquid import Environment, Token
from liquid.builtin.expressions.filtered import Filter
from liquid.exceptions import LiquidSyntaxError
from liquid.template import BoundTemplate
from liquid.undefined import is_undefined

from shared.text.error_bounds import quoted
from shared.text.liquid import dates, lists, markup, numbers, texts
from shared.text.liquid.bounds import MAX_ELEMENTS, MAX_OUTPUT, MAX_ROUNDS, STEP, too_much
from shared.text.liquid.context import BoundedContext
from shared.text.liquid.lexing import Lexer
from shared.text.liquid.nodes import TAGS
from shared.text.liquid.output import Followed, HtmlOutput, Output
from shared.text.liquid.pieces import PieceTag
from shared.text.liquid.tree import filters_of, prepare
from shared.text.liquid.undefined import Undefined

#: More arguments than any filter takes, and the names that some may be given by; "" is for one without a name.
_MOST_ARGUMENTS = 4
_NAMED = ("", "allow_false")
_LOADING_TAGS = ("include", "render")
_FILTERS: dict[str, Callable[..., object]] = {
    **texts.FILTERS,
    **markup.FILTERS,
    **numbers.FILTERS,
    **lists.FILTERS,
    "date": dates.date,
}


class BoundedTemplate(BoundTemplate):
    """A parsed template."""

    context_class = BoundedContext

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.followed: Followed = {}

    def filled(self, context: BoundedContext) -> str:
        """The text. Raises LiquidError, and for ``break`` outside of a loop LiquidInterrupt."""
        output: Any = HtmlOutput(self.followed, context) if self.env.autoescape else Output()
        for node in self.nodes:
            node.render(context, output)
        return cast(str, output.getvalue())


class BoundedEnvironment(Environment):
    """``autoescape`` for HTML, where values are escaped; ``woven`` for texts that others were woven into."""

    template_class = BoundedTemplate
    loop_iteration_limit = MAX_ROUNDS

    def __init__(self, *, autoescape: bool, woven: bool = False) -> None:
        super().__init__(autoescape=autoescape, undefined=Undefined, strict_filters=True)
        for name in _LOADING_TAGS:
            self.tags.pop(name, None)
        for tag in TAGS:
            self.add_tag(tag)
        if woven:
            self.add_tag(PieceTag)
        self.filters = {name: _called(function, autoescape) for name, function in _FILTERS.items()}
        self.filters["default"] = _called(lists.default, autoescape, takes_missing=True)
        self._takes = {name: _takes(function) for name, function in {**_FILTERS, "default": lists.default}.items()}

    def tokenizer(self) -> Callable[[str], Iterator[Token]]:
        """The lexer, which takes a text apart in one pass."""
        return lambda source: iter(Lexer(source))

    def compiled(self, source: str) -> BoundedTemplate:
        """``source``, parsed. Raises LiquidError."""
        template: BoundedTemplate = self.template_class(env=self, nodes=self._parse(source))
        for _, filter_ in filters_of(template):
            self._check(filter_)
        prepare(template)
        return template

    def _check(self, filter_: Filter) -> None:
        takes = self._takes.get(filter_.name)
        if takes is None:
            raise LiquidSyntaxError(f"there is no filter {quoted(filter_.name)}", token=filter_.token)
        names = tuple(getattr(arg, "name", "") for arg in filter_.args[:_MOST_ARGUMENTS])
        if len(filter_.args) > len(names) or not _fits(takes, tuple(name if name in _NAMED else "?" for name in names)):
            raise LiquidSyntaxError(
                f"the filter '{filter_.name}' has too few or too many arguments", token=filter_.token
            )


@functools.lru_cache(maxsize=1_000)
def _fits(takes: inspect.Signature, names: tuple[str, ...]) -> bool:
    """Whether a filter takes arguments of these names, "" for one without."""
    try:
        takes.bind(None, None, *(0 for name in names if not name), **{name: 0 for name in names if name})
    except TypeError:
        return False
    return True


def _takes(function: Callable[..., object]) -> inspect.Signature:
    signature = inspect.signature(function)
    return signature.replace(parameters=[p for p in signature.parameters.values() if p.name != "autoescape"])


def _called(function: Callable[..., Any], autoescape: bool, *, takes_missing: bool = False) -> Callable[..., Any]:
    """A filter as the library calls it: it gets the budget, and no variable that is missing."""
    if getattr(function, "knows_html", False):
        function = functools.partial(function, autoescape=autoescape)

    def filter_(left: object, *args: object, context: BoundedContext, **kwargs: object) -> Any:
        context.charge(3 * STEP)
        if not takes_missing:
            for value in (left, *args, *kwargs.values()):
                if is_undefined(value):
                    str(value)  # raises, by the variable's name
        made = _within_bounds(function(context, left, *args, **kwargs))
        context.last_filter = None
        return made

    filter_.with_context = True  # type: ignore[attr-defined]
    return filter_


def _within_bounds(value: Any) -> Any:
    if (isinstance(value, str) and len(value) > MAX_OUTPUT) or (isinstance(value, list) and len(value) > MAX_ELEMENTS):
        raise too_much()
    return value
