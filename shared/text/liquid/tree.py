"""A parsed template made ready: comparisons of ours, tolls on its blocks; and what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from liquid import RenderContext, Token
from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import BooleanExpression, FilteredExpression, Path
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.tags.case_tag import MultiExpressionBlockNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.tablerow_tag import TablerowNode
from liquid.expression import Expression
from liquid.template import BoundTemplate

from shared.text.error_bounds import fit
from shared.text.liquid.bounds import CHARACTERS, MAX_DEPTH, STEP, too_much
from shared.text.liquid.comparing import OURS, AnyOf
from shared.text.liquid.nodes import Toll
from shared.text.liquid.pieces import Piece

#: Longest name of a variable in an error, bytes.
_LONGEST_NAME = 120
#: Built-in tags ask nothing of the context that the library's signature wants.
_NO_CONTEXT = cast(RenderContext, None)


def prepare(template: BoundTemplate) -> None:
    """Changes the tree in place. Raises ResourceLimitError for expressions that are nested too deeply."""
    for node in nodes_of(template):
        _compare(node)
        for expression in node.expressions():
            _check_depth(expression, 0)
    for node in [*nodes_of(template)]:
        if isinstance(node, BlockNode):
            node.nodes.insert(0, Toll(node.token, _cost(node.nodes)))
    if template.nodes:
        template.nodes.insert(0, Toll(template.nodes[0].token, _cost(template.nodes)))


def _compare(node: Any) -> None:
    """Puts our comparisons in the place of the library's."""
    if isinstance(node, MultiExpressionBlockNode):
        when: Any = node.expression
        node.expression = AnyOf(when.token, when.left, when.expressions)  # type: ignore[assignment]
    for expression in node.expressions():
        if isinstance(expression, BooleanExpression):
            expression.expression = _ours(expression.expression, 0)


def _ours(expression: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise too_much()
    for side in ("left", "right"):
        if isinstance(getattr(expression, side, None), Expression) and not isinstance(expression, FilteredExpression):
            setattr(expression, side, _ours(getattr(expression, side), depth + 1))
    ours = OURS.get(type(expression))
    return ours(expression.token, expression.left, expression.right) if ours else expression


def _check_depth(expression: Expression, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise too_much()
    for inner in expression.children():
        _check_depth(inner, depth + 1)


def _cost(nodes: Iterable[Node]) -> int:
    return STEP + sum(_cost_of(node) for node in nodes)


def _cost_of(node: Node) -> int:
    """Of a node and what is done with it, without the blocks in it, which have tolls of their own."""
    if isinstance(node, BlockNode | Toll):
        return STEP
    text = len(node.text) if isinstance(node, ContentNode) else 0
    loop = 3 * STEP if isinstance(node, ForNode | TablerowNode) else 0
    expressions = sum(_expressions_in(expression) for expression in node.expressions())
    own = STEP + loop + text // CHARACTERS + expressions * STEP // 4
    return own + sum(_cost_of(child) for child in node.children(_NO_CONTEXT))


def _expressions_in(expression: Expression) -> int:
    return 1 + sum(_expressions_in(inner) for inner in expression.children())


def nodes_of(template: BoundTemplate) -> Iterator[Node]:
    """All nodes, at any depth."""
    waiting = [*template.nodes]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.children(_NO_CONTEXT))


def filters_of(template: BoundTemplate) -> Iterator[tuple[FilteredExpression, Filter]]:
    """All filters, with the expressions they stand in."""
    for expression in _all_expressions(template):
        if isinstance(expression, FilteredExpression):
            for filter_ in expression.filters or ():
                yield expression, filter_


def path_at(template: BoundTemplate, token: Token | None) -> Path | None:
    """The variable that is written at ``token``."""
    return next((path for path in expressions_at(template, token) if isinstance(path, Path)), None)


def expressions_at(template: BoundTemplate, token: Token | None) -> Iterator[Expression]:
    """The expressions that are written at ``token``."""
    return (expression for expression in _all_expressions(template) if expression.token == token)


def _all_expressions(template: BoundTemplate) -> Iterator[Expression]:
    for node in nodes_of(template):
        waiting = [*node.expressions()]
        while waiting:
            expression = waiting.pop()
            yield expression
            waiting.extend(expression.children())


def written(path: Path, segments: int) -> str:
    """The first ``segments`` of a variable's path, as the template has it: what it stands for is never told."""
    text = str(path.path[0]) if isinstance(path.path[0], str) else f"[{path.path[0]}]"
    for segment in path.path[1:segments]:
        text += f".{segment}" if isinstance(segment, str) and segment.isidentifier() else f"[{_quoted(segment)}]"
    return fit(text, _LONGEST_NAME)


def _quoted(segment: object) -> str:
    return f"'{segment}'" if isinstance(segment, str) else str(segment)


def variables_of(template: BoundTemplate) -> frozenset[str]:
    """The names that a context may have to hold: all but the template's own."""
    return frozenset(str(path.path[0]) for path in _variables(template))


def members_of(template: BoundTemplate, variable: str) -> frozenset[str]:
    """The members of a variable of the context that are named as such: "greeting" for ``strings.greeting``."""
    paths = (path.path for path in _variables(template) if path.path[0] == variable and len(path.path) > 1)
    return frozenset(path[1] for path in paths if isinstance(path[1], str))


def _variables(template: BoundTemplate) -> list[Path]:
    found: list[Path] = []
    _find_variables(template.nodes, found, set(), frozenset())
    return found


def _find_variables(nodes: Iterable[Node], found: list[Path], own: set[str], inner: frozenset[str]) -> None:
    for node in nodes:
        waiting = [*node.expressions()]
        while waiting:
            expression = waiting.pop()
            name = expression.path[0] if isinstance(expression, Path) else None
            if isinstance(expression, Path) and isinstance(name, str) and name not in own and name not in inner:
                found.append(expression)
            waiting.extend(expression.children())
        own.update(node.template_scope())
        if isinstance(node, Piece):
            _find_variables(node.children(_NO_CONTEXT), found, set(), frozenset(node.block_scope()))
        else:
            _find_variables(node.children(_NO_CONTEXT), found, own, inner.union(node.block_scope()))
