"""Tags in place of the library's, where those have no bounds or print as Python does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from liquid import RenderContext, Token, TokenStream
from liquid.ast import BlockNode, Node
from liquid.builtin.expressions import LoopExpression
from liquid.builtin.expressions.primitive import StringLiteral
from liquid.builtin.output import Output as OutputTag
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.cycle_tag import CycleNode, CycleTag
from liquid.builtin.tags.echo_tag import EchoTag
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.builtin.tags.ifchanged_tag import IfChangedNode, IfChangedTag
from liquid.builtin.tags.liquid_tag import LiquidTag
from liquid.builtin.tags.tablerow_tag import TablerowNode, TablerowTag
from liquid.exceptions import LiquidTypeError
from liquid.expression import Expression
from liquid.tag import Tag
from liquid.undefined import is_undefined

from shared.text.liquid.bounds import STEP, charge_text
from shared.text.liquid.lexing import lines
from shared.text.liquid.words import text_of


class Printed(OutputNode):
    """``{{ value }}``."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return _print(self.expression.evaluate(context), context, buffer)


def _print(value: object, context: Any, buffer: Any) -> int:
    text = text_of(value, context)
    charge_text(context, len(text), buffer.price(text))
    written: int = buffer.write_value(text)
    return written


class _Cycle(CycleNode):
    """``cycle``, known by what stands in the template and not by its values."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        group = text_of(self.group.evaluate(context), context) if self.group else ""  # type: ignore[arg-type]
        key = (group, "" if group else ", ".join(str(arg) for arg in self.args))
        at = context.cycle(key, len(self.args))
        return _print(self.args[at].evaluate(context), context, buffer) if at < len(self.args) else 0


class _IfChanged(IfChangedNode):
    """``ifchanged``, written as its place asks: what its block shows stands where the tag does."""

    def render_to_output(self, context: RenderContext, buffer: Any) -> int:
        inner = buffer.nested()
        self.block.render(context, inner)
        written: int = buffer.adopt(inner) if context.ifchanged(inner.getvalue()) else 0
        return written


class _Loop(LoopExpression):
    """A loop's list, cut before it is gone through: an offset into a range of 10^18 must not be counted up to."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> tuple[Iterator[object], int]:
        values = self.iterable.evaluate(context)
        if is_undefined(values):
            str(values)  # raises, by the variable's name
        if isinstance(values, Mapping):
            values = tuple(values.items())
        elif isinstance(values, str):
            values = (values,) if values else ()
        elif not isinstance(values, list | tuple | range):
            values = ()
        start, stop = self._bounds(context, values)
        context.stopindex(key=self._key, index=stop)
        part = values[start:stop]
        return iter(part[::-1] if self.reversed else part), len(part)

    def _bounds(self, context: RenderContext, values: Any) -> tuple[int, int]:
        if isinstance(self.offset, StringLiteral) and self.offset.value == "continue":
            start = context.stopindex(self._key)
        else:
            start = self._number(self.offset, context) or 0
        length = min(values.stop - values.start, _LONGEST_RANGE) if isinstance(values, range) else len(values)
        start = min(max(start, 0), length)
        limit = self._number(self.limit, context)
        return start, length if limit is None else min(start + max(limit, 0), length)

    def _number(self, expression: Expression | None, context: RenderContext) -> int | None:
        value = expression.evaluate(context) if expression else None
        if value is None:
            return None
        try:
            return int(value)  # type: ignore[call-overload,no-any-return]
        except (ValueError, TypeError, OverflowError):
            raise LiquidTypeError("expected a whole number", token=self.token) from None

    @property
    def _key(self) -> str:
        return f"{self.identifier}-{self.iterable}"


#: More than any loop may have rounds, and few enough for Python to count.
_LONGEST_RANGE = 2**62


def _bounded(loop: LoopExpression) -> _Loop:
    return _Loop(
        loop.token,
        loop.identifier,
        loop.iterable,
        limit=loop.limit,
        offset=loop.offset,
        reversed_=loop.reversed,
        cols=loop.cols,
    )


class _For(ForNode):
    def __init__(
        self, token: Token, expression: LoopExpression, block: BlockNode, default: BlockNode | None = None
    ) -> None:
        super().__init__(token, _bounded(expression), block, default)


class _Tablerow(TablerowNode):
    def __init__(self, token: Token, expression: LoopExpression, block: BlockNode) -> None:
        block.nodes.insert(0, Toll(token, 2 * STEP))  # for the cell
        super().__init__(token, _bounded(expression), block)


class Toll(Node):
    """Stands first in each block, and charges for what is in it before it is done."""

    __slots__ = ("units",)

    def __init__(self, token: Token, units: int) -> None:
        super().__init__(token)
        self.units = units

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        context.charge(self.units)  # type: ignore[attr-defined]
        return 0


class _Output(OutputTag):
    node_class = Printed


class _Echo(EchoTag):
    node_class = Printed  # type: ignore[assignment]


class _CycleTag(CycleTag):
    node_class = _Cycle


class _IfChangedTag(IfChangedTag):
    node_class = _IfChanged


class _ForTag(ForTag):
    node_class = _For


class _TablerowTag(TablerowTag):
    node_class = _Tablerow


class _LiquidTag(LiquidTag):
    """``liquid``, taken apart line by line."""

    def parse(self, stream: TokenStream) -> Node:
        self._tokenize = lambda _, token: lines(token)  # type: ignore[assignment]
        return super().parse(stream)


#: The tags that stand in for the library's.
TAGS: tuple[type[Tag], ...] = (_Output, _Echo, _CycleTag, _IfChangedTag, _ForTag, _TablerowTag, _LiquidTag)
