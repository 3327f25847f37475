"""Liquid with bounds: tenants write templates, so no template may reach Python, run long or grow large.

Liquid itself reaches only what a context holds, by item and never by attribute. What its own limits do
not cover is covered here: work is counted in steps, filters are checked before they can multiply their
input, and tags that load other templates do not exist.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from liquid import Environment, RenderContext, Token
from liquid.exceptions import ResourceLimitError
from liquid.template import BoundTemplate
from liquid.undefined import FalsyStrictUndefined

#: Longest text a filter may make or a template may render to, characters.
MAX_OUTPUT = 256 * 1024
#: Most variable look-ups and filter calls in one rendering.
MAX_STEPS = 50_000
#: Most loop rounds in one rendering, nested loops multiplied.
MAX_ROUNDS = 1_000
#: Most elements of a list or range that a filter may take or make.
MAX_ELEMENTS = 10_000
#: Largest number a filter may take or make.
MAX_NUMBER = 10**30

_LOADING_TAGS = ("include", "render")


class Undefined(FalsyStrictUndefined):
    """A variable the context does not hold: an error where it is printed, false in ``if``, absent to ``default``."""

    force_liquid_default = True


class BoundedContext(RenderContext):
    """Counts the steps of one rendering."""

    steps = 0

    def step(self) -> None:
        """One more; raises ResourceLimitError beyond ``MAX_STEPS``."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise ResourceLimitError("the template does too much", token=None)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        self.step()
        return super().get(*args, **kwargs)

    def assign(self, key: str, val: Any) -> None:
        self.step()
        super().assign(key, val)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        self.step()
        return super().filter(name, token)


class _BoundedTemplate(BoundTemplate):
    context_class = BoundedContext


class BoundedEnvironment(Environment):
    """The environment all templates are parsed in; ``autoescape`` for HTML."""

    template_class = _BoundedTemplate
    loop_iteration_limit = MAX_ROUNDS
    local_namespace_limit = 4 * MAX_OUTPUT
    output_stream_limit = MAX_OUTPUT

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape, undefined=Undefined, strict_filters=True)
        for name in _LOADING_TAGS:
            self.tags.pop(name, None)
        for name, function in list(self.filters.items()):
            self.filters[name] = _bounded(name, function)


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        for value in args:
            _check_size(value)
        _check_growth(name, args)
        result = function(*args, **kwargs)
        _check_size(result)
        return result

    return checked


def _check_size(value: Any) -> None:
    if isinstance(value, str):
        large = len(value) > MAX_OUTPUT
    elif isinstance(value, list | tuple | range):
        large = len(value) > MAX_ELEMENTS
    else:
        large = isinstance(value, int | float) and not -MAX_NUMBER <= value <= MAX_NUMBER
    if large:
        raise ResourceLimitError("a value in the template grows too large", token=None)


def _check_growth(name: str, args: tuple[Any, ...]) -> None:
    """Refuses what would multiply its input before it does: the result is too late to look at."""
    size = 0
    if name == "replace" and len(args) > 1:
        text, old = str(args[0]), str(args[1])
        rounds = text.count(old) if old else len(text) + 1
        size = len(text) + rounds * len(str(args[2]) if len(args) > 2 else "")
    elif name == "join" and isinstance(args[0], list | tuple | range):
        size = len(args[0]) * len(str(args[1]) if len(args) > 1 else " ")
    if size > MAX_OUTPUT:
        raise ResourceLimitError("a value in the template grows too large", token=None)
