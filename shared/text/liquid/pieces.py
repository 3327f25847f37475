"""A text within a text: it sees the context and what it is given by name, and keeps its own variables to itself.

Such pieces are written by :mod:`shared.text.weaving` alone, in the place of ``render``, whose arguments they have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TextIO

from liquid import RenderContext, Token, TokenStream
from liquid.ast import BlockNode, Node
from liquid.builtin.expressions import Identifier, StringLiteral
from liquid.builtin.tags.for_tag import ForLoop
from liquid.builtin.tags.render_tag import RenderNode, RenderTag
from liquid.exceptions import LiquidInterrupt, LiquidSyntaxError
from liquid.expression import Expression
from liquid.parser import get_parser
from liquid.token import TOKEN_TAG

from shared.text.liquid.bounds import STEP


class Piece(Node):
    """One such text."""

    __slots__ = ("_asked", "block")

    def __init__(self, token: Token, asked: RenderNode, block: BlockNode) -> None:
        super().__init__(token)
        self._asked = asked
        self.block = block
        self.blank = False

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        bounded: Any = context
        given: dict[str, object] = {arg.name: arg.value.evaluate(context) for arg in self._asked.args}
        value = self._asked.var.evaluate(context) if self._asked.var else None
        bounded.charge(STEP * (2 + len(given)))
        with bounded.apart(given):
            if self._asked.var is None:
                return self._render(context, buffer)
            if not (self._asked.loop and isinstance(value, list | tuple)):
                given[self._variable] = value
                return self._render(context, buffer)
            return self._render_each(context, buffer, value, given)

    def _render_each(
        self,
        context: RenderContext,
        buffer: TextIO,
        values: list[object] | tuple[object, ...],
        given: dict[str, object],
    ) -> int:
        parent = context.env.undefined("parentloop", token=self.token)
        loop = ForLoop(name=self._variable, it=iter(values), length=len(values), parentloop=parent)
        given["forloop"] = loop
        written = 0
        with context.loop({}, loop):
            for value in loop:
                context.charge(3 * STEP)  # type: ignore[attr-defined]
                given[self._variable] = value
                written += self._render(context, buffer)
        return written

    def _render(self, context: RenderContext, buffer: TextIO) -> int:
        try:
            return self.block.render(context, buffer)
        except LiquidInterrupt as interrupt:  # what it ends is the other text's
            raise LiquidSyntaxError(str(interrupt), token=self.token) from None

    @property
    def _variable(self) -> str:
        """The name of what it is given by ``with`` or ``for``: its own, unless another is said."""
        name = self._asked.alias or (self._asked.name.value if isinstance(self._asked.name, StringLiteral) else "")
        return str(name).split(".", 1)[0]

    def children(self, static_context: RenderContext, *, include_partials: bool = True) -> Iterable[Node]:
        """What it shows."""
        yield self.block

    def expressions(self) -> Iterable[Expression]:
        """What it is given."""
        return self._asked.expressions()

    def block_scope(self) -> Iterable[Identifier]:
        """The names by which it has what it is given."""
        names = [arg.name for arg in self._asked.args]
        names += [self._variable] if self._asked.var else []
        names += ["forloop"] if self._asked.loop else []
        return [Identifier(name, token=self.token) for name in names]


class PieceTag(RenderTag):
    """``piece "name" …`` with its text, up to ``endpiece``."""

    name = "piece"
    end = "endpiece"
    block = True

    def parse(self, stream: TokenStream) -> Node:
        token = stream.current
        asked = super().parse(stream)
        if not isinstance(asked, RenderNode) or not isinstance(asked.name, StringLiteral):
            raise LiquidSyntaxError("expected a fragment's name in quotes", token=token)
        stream.next()
        block = get_parser(self.env).parse_block(stream, (self.end,))
        stream.expect(TOKEN_TAG, value=self.end)
        return Piece(token, asked, block)
