"""Equality, order and containment as Liquid has them: a missing variable is null, ``true`` is not 1."""

from __future__ import annotations

from liquid import RenderContext, Token
from liquid.builtin.expressions.logical import (
    ContainsExpression,
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LtExpression,
    NeExpression,
)
from liquid.builtin.expressions.primitive import Blank, Empty
from liquid.exceptions import LiquidTypeError
from liquid.expression import Expression
from liquid.undefined import is_undefined

from shared.text.liquid.bounds import ELEMENT, Budget, charge_elements, charge_search, charge_text
from shared.text.liquid.words import text_of


def equal(left: object, right: object, budget: Budget) -> bool:
    """Whether two values are the same to Liquid."""
    left, right = (None if is_undefined(value) else value for value in (left, right))
    if isinstance(left, Blank | Empty):
        left, right = right, left
    if isinstance(right, Blank):
        return _is_blank(left, budget)
    if isinstance(right, Empty):
        return isinstance(left, Empty | str | list | dict) and (isinstance(left, Empty) or not left)
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool) and left == right
    _charge(left, right, budget)
    return left == right


def _is_blank(value: object, budget: Budget) -> bool:
    if isinstance(value, str):
        charge_text(budget, len(value))
        return not value.strip()
    return value is None or value is False or isinstance(value, Blank | Empty) or value in ([], {})


def _charge(left: object, right: object, budget: Budget) -> None:
    """For comparing two values, before it is done."""
    if isinstance(left, str) and isinstance(right, str):
        charge_text(budget, min(len(left), len(right)))
    elif isinstance(left, list | tuple | dict) and isinstance(right, list | tuple | dict):
        charge_whole(left, budget)


def charge_whole(value: object, budget: Budget) -> None:
    """For looking at a value and all that is in it."""
    budget.charge(4 * ELEMENT)
    if isinstance(value, str):
        charge_text(budget, len(value))
    elif isinstance(value, dict):
        for inner in value.values():
            charge_whole(inner, budget)
    elif isinstance(value, list | tuple):
        for inner in value:
            charge_whole(inner, budget)


def less(left: object, right: object, budget: Budget) -> bool:
    """Whether ``left`` comes before ``right``; null never does. Raises LiquidTypeError for what has no order."""
    if left is None or right is None or is_undefined(left) or is_undefined(right):
        return False
    if isinstance(left, str) and isinstance(right, str):
        charge_text(budget, min(len(left), len(right)))
        return left < right
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in (left, right)):
        return left < right  # type: ignore[operator,no-any-return]
    raise LiquidTypeError("only numbers, or texts, come one before the other", token=None)


def contains(left: object, right: object, budget: Budget) -> bool:
    """Whether a text, a list or an object's keys hold ``right``."""
    if any(value is None or value is False or is_undefined(value) for value in (left, right)):
        return False
    if isinstance(left, str):
        wanted = text_of(right, budget)
        charge_search(budget, left, wanted)
        return str(wanted) in str(left)
    if isinstance(left, dict):
        return isinstance(right, str) and right in left
    if isinstance(left, list | tuple | range):
        charge_elements(budget, len(left))
        return any(equal(element, right, budget) for element in left)
    return False


class _Pair(Expression):
    """A comparison of two values."""

    __slots__ = ("left", "right")

    def __init__(self, token: Token, left: Expression, right: Expression) -> None:
        super().__init__(token)
        self.left = left
        self.right = right

    def children(self) -> list[Expression]:
        return [self.left, self.right]

    def evaluate(self, context: RenderContext) -> bool:
        left, right = self.left.evaluate(context), self.right.evaluate(context)
        try:
            return self._holds(left, right, context)  # type: ignore[arg-type]
        except LiquidTypeError as error:
            error.token = self.token
            raise

    def _holds(self, left: object, right: object, budget: Budget) -> bool:
        raise NotImplementedError


class _Equal(_Pair):
    def _holds(self, left: object, right: object, budget: Budget) -> bool:
        return equal(left, right, budget)


class _Unequal(_Pair):
    def _holds(self, left: object, right: object, budget: Budget) -> bool:
        return not equal(left, right, budget)


class _Less(_Pair):
    def _holds(self, left: object, right: object, budget: Budget) -> bool:
        return less(left, right, budget)


class _Greater(_Pair):
    def _holds(self, left: object, right: object, budget: Budget) -> bool:
        return less(right, left, budget)


class _AtMost(_Pair):
    def _holds(self, left: object, right: object, budget: Budget) -> bool:
        return less(left, right, budget) or (_have_order(left, right) and equal(left, right, budget))


class _AtLeast(_Pair):
    def _holds(self, left: object, right: object, budget: Budget) -> bool:
        return less(right, left, budget) or (_have_order(left, right) and equal(left, right, budget))


class _Contains(_Pair):
    def _holds(self, left: object, right: object, budget: Budget) -> bool:
        return contains(left, right, budget)


def _have_order(left: object, right: object) -> bool:
    return not any(value is None or is_undefined(value) for value in (left, right))


class AnyOf(Expression):
    """What ``when`` asks: which of some values are the same as one."""

    __slots__ = ("choices", "left")

    def __init__(self, token: Token, left: Expression, choices: list[Expression]) -> None:
        super().__init__(token)
        self.left = left
        self.choices = choices

    def children(self) -> list[Expression]:
        return self.choices

    def evaluate(self, context: RenderContext) -> list[bool]:
        left = self.left.evaluate(context)
        return [equal(left, choice.evaluate(context), context) for choice in self.choices]  # type: ignore[arg-type]


#: The library's comparisons, which have Python's ideas of equality and no bounds, and ours.
OURS: dict[type[Expression], type[_Pair]] = {
    EqExpression: _Equal,
    NeExpression: _Unequal,
    LtExpression: _Less,
    GtExpression: _Greater,
    LeExpression: _AtMost,
    GeExpression: _AtLeast,
    ContainsExpression: _Contains,
}
