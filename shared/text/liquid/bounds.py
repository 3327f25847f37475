"""How much a template may be, do and make. Beyond it stands RENDER_LIMIT or TEMPLATE_TOO_LARGE.

Work is charged before it is done, by the size of what it is done to. A unit is about a tenth of a microsecond, so
that no rendering takes more than some 40 ms of CPU time, whatever it does.
"""

from __future__ import annotations

from typing import Protocol

from liquid.exceptions import ResourceLimitError

#: Longest text of a template, bytes.
MAX_TEXT = 65_536
#: Most outputs and tags in one text.
MAX_MARKUP = 2_000
#: Most characters of all that stands in a text's outputs and tags.
MAX_EXPRESSIONS = 32_768
#: Most work on lexing a text's expressions: each one's length times its brackets, as the lexer looks ahead from them.
MAX_LOOK_AHEAD = 1_000_000
#: Deepest expression: conditions joined by "and" or "or", or paths within paths.
MAX_DEPTH = 100

#: Most work in one rendering, units.
MAX_WORK = 250_000
#: Longest text a filter may make or a template may render to, characters.
MAX_OUTPUT = 256 * 1024
#: Most characters and elements kept in a template's own variables at a time.
MAX_KEPT = 4 * MAX_OUTPUT
#: Most rounds of a loop, nested loops multiplied.
MAX_ROUNDS = 1_000
#: Most elements of a list or range that a filter may take or make.
MAX_ELEMENTS = 10_000
#: Largest number a filter may take or make.
MAX_NUMBER = 10**30
#: Most digits and signs of a text that is taken for a number.
MAX_DIGITS = 64

#: Units for a look-up, a node or the call of a filter.
STEP = 10
#: Units for looking at one element.
ELEMENT = 2
#: Characters that are copied, compared or escaped in one unit.
CHARACTERS = 32


class Budget(Protocol):
    """What is left to one rendering."""

    def charge(self, units: int) -> None:
        """Takes from it; raises ResourceLimitError when nothing is left."""


def too_much() -> ResourceLimitError:
    """The error for what goes beyond a bound; without values, as these are personal."""
    return ResourceLimitError("the template does or makes too much", token=None)


def charge_text(budget: Budget, length: int, times: int = 1) -> None:
    """For copying, comparing or escaping ``length`` characters, or what is so many times as dear."""
    if length > MAX_OUTPUT:
        raise too_much()
    budget.charge(length * times // CHARACTERS)


def charge_search(budget: Budget, text: str, wanted: str) -> None:
    """For looking ``wanted`` up in ``text``: Python's search may compare them anew at every character."""
    charge_text(budget, len(text) + len(wanted))
    if len(wanted) > 1:
        budget.charge(min(len(text), 32_768) * min(len(text), len(wanted)) // 256)


def charge_elements(budget: Budget, count: int, each: int = ELEMENT) -> None:
    """For looking at ``count`` elements of a list."""
    if count > MAX_ELEMENTS:
        raise too_much()
    budget.charge(count * each)
