"""A text taken apart where it takes fragments in: at ``render``, ``extends`` and ``block``.

Names stand in quotes, so that what a text takes in is known without rendering it. Each part must be whole: what a block
or a text begins, an ``if`` say, ends in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from liquid.exceptions import LiquidError, ResourceLimitError
from liquid.token import TOKEN_CONTENT, TOKEN_OUTPUT, TOKEN_TAG

from shared.text.error_bounds import fit, quoted
from shared.text.liquid.bounds import MAX_TEXT, too_much
from shared.text.liquid.lexing import Lexer

#: Deepest blocks within blocks of one text.
MAX_BLOCKS_WITHIN = 20

_MAY_TAKE_IN = re.compile(r"\{%-?\s*(?:render|extends|block)\b")
_NAMED = re.compile(r"""(?P<quote>['"])(?P<name>[^'"]*)(?P=quote)\s*(?P<more>.*)""", re.S)
_BLOCK = re.compile(r"(?P<name>[\w-]+)(?P<required>\s+required)?")
_SUPER = re.compile(r"block\s*\.\s*super")
_DASHES = re.compile(r"\{[{%]-|-[}%]\}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")

_BEGIN = frozenset({"if", "unless", "case", "for", "tablerow", "capture", "ifchanged", "block"})
_BETWEEN = frozenset({"else", "elsif", "when"})
#: What may stand in a text that extends another, outside of its blocks.
_NOTHING = frozenset({"comment", "endcomment", "#", "doc"})
#: What weaving writes itself.
_RESERVED = frozenset({"piece", "endpiece"})


class WeavingError(Exception):
    """A text whose fragments cannot be taken in; ``reason`` is stable, the message completes "<the text> ..."."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class Tag(NamedTuple):
    """Which white space a tag takes away: before it, behind it."""

    left: bool = False
    right: bool = False


_NO_DASH = Tag()


class Render(NamedTuple):
    """Where another text is put, with arguments."""

    name: str
    expression: str
    tag: Tag
    #: Whether it is given nothing, and takes no white space away.
    is_bare: bool


class Super(NamedTuple):
    """Where a block shows what it takes the place of."""

    tag: Tag


@dataclass
class Block:
    """What a text that extends this one may say in its own way."""

    name: str
    begin: Tag
    end: Tag = _NO_DASH
    required: bool = False
    inner: list[Segment] = field(default_factory=list)

    def blocks(self) -> Iterator[Block]:
        """It, and all within it."""
        yield self
        yield from blocks_in(self.inner)


Segment = str | Render | Super | Block


@dataclass
class Marked:
    """A text taken apart. ``layout`` is what it extends; empty: nothing."""

    layout: str
    segments: list[Segment]
    has_dashes: bool

    def words(self) -> Iterator[str]:
        """All of it that is neither a block nor taken in."""
        return (one for one in _all(self.segments) if isinstance(one, str))

    def names(self) -> set[str]:
        """The fragments that it takes in itself."""
        found = {one.name for one in _all(self.segments) if isinstance(one, Render)}
        return found | {self.layout} if self.layout else found


def may_take_in(source: str) -> bool:
    """False if it surely takes nothing in: so it is for most texts, and costs next to nothing."""
    return "{%" in source and bool(_MAY_TAKE_IN.search(source))


def has_dashes(source: str) -> bool:
    """Whether any tag or output takes white space away."""
    return bool(_DASHES.search(source))


def blocks_in(segments: list[Segment]) -> Iterator[Block]:
    """All blocks, also within others."""
    for one in segments:
        if isinstance(one, Block):
            yield from one.blocks()


def _all(segments: list[Segment]) -> Iterator[Segment]:
    for one in segments:
        yield one
        if isinstance(one, Block):
            yield from _all(one.inner)


def marked(source: str) -> Marked:
    """Takes ``source`` apart; raises :class:`WeavingError`."""
    try:
        if len(source.encode("utf-8", "replace")) > MAX_TEXT:
            raise too_much()
        return _Reader(source).read()
    except ResourceLimitError:
        raise WeavingError("TEMPLATE_TOO_LARGE", "is longer, or holds more, than a text may") from None
    except LiquidError as error:
        words = str(error.args[0] if error.args else "").partition("\n")[0]
        raise WeavingError("TEMPLATE_SYNTAX", fit(words, 120)) from None


class _Reader:
    """Goes through one text."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._lexer = Lexer(source)
        self._layout = ""
        self._top: list[Segment] = []
        #: Open blocks, the innermost last, and what is open in each of them and in the text itself.
        self._open: list[Block] = []
        self._begun: list[str] = []
        #: Where the text goes on that was not yet kept, and whether anything stood before.
        self._from = 0
        self._is_begun = False
        self._seen: set[str] = set()

    def read(self) -> Marked:
        """Raises LiquidError and :class:`WeavingError`."""
        for token in self._lexer:
            if token.kind == TOKEN_TAG:
                inner = self._inner(token.start_index + len(token.value))
                self._follow(token.value, inner, self._source.rfind("{%", 0, token.start_index))
            elif token.kind == TOKEN_OUTPUT:
                self._output(token.start_index)
            elif token.kind == TOKEN_CONTENT and token.value.strip():
                self._text()
        if self._begun:
            raise WeavingError("TEMPLATE_SYNTAX", f"the tag '{self._begun[-1]}' is not closed")
        self._keep(len(self._source))
        return Marked(self._layout, self._top, has_dashes(self._source))

    def _inner(self, begin: int) -> str:
        """What stands in the tag or output that ends where the lexer is."""
        return self._source[begin : self._lexer.at - 2].removesuffix("-").strip()

    def _output(self, begin: int) -> None:
        if self._open and _SUPER.fullmatch(self._inner(begin + 2).removeprefix("-").strip()):
            self._put(begin, Super(self._tag(begin)))
        else:
            self._text()

    def _follow(self, name: str, expression: str, begin: int) -> None:
        if name == "extends":
            self._extend(expression, begin)
        elif name == "block":
            self._begin_block(expression, begin)
        elif name == "endblock":
            self._end_block(expression, begin)
        elif name == "render":
            self._text()
            fragment, given = _name_in(expression, "render")
            tag = self._tag(begin)
            self._put(begin, Render(fragment, expression, tag, not given and tag == _NO_DASH))
        elif name in _RESERVED:
            raise WeavingError("TEMPLATE_SYNTAX", f"unexpected tag '{name}'")
        elif name not in _NOTHING:
            self._text()
            self._balance(name)
        self._is_begun = self._is_begun or name not in _NOTHING

    def _balance(self, name: str) -> None:
        """What is begun is ended in the same block."""
        if name in _BEGIN:
            self._begun.append(name)
        elif name.startswith("end") and name[3:] in _BEGIN:
            if not self._begun or self._begun.pop() != name[3:]:
                raise WeavingError("TEMPLATE_SYNTAX", f"the tag '{name}' ends nothing that was begun in its place")
        elif name in _BETWEEN and (not self._begun or self._begun[-1] == "block"):
            raise WeavingError("TEMPLATE_SYNTAX", f"the tag '{name}' stands in nothing that it could belong to")

    def _extend(self, expression: str, begin: int) -> None:
        if self._is_begun:
            raise WeavingError("TEMPLATE_SYNTAX", "the tag 'extends' must come first, and once")
        self._layout, more = _name_in(expression, "extends")
        if more:
            raise WeavingError("TEMPLATE_SYNTAX", "the tag 'extends' takes a name alone")
        self._keep(begin)

    def _begin_block(self, expression: str, begin: int) -> None:
        found = _BLOCK.fullmatch(expression.strip().strip("'\""))
        if found is None:
            raise WeavingError("TEMPLATE_SYNTAX", "the tag 'block' takes a name, of letters, digits, '_' and '-'")
        if found["name"] in self._seen:
            raise WeavingError("TEMPLATE_SYNTAX", f"the block {quoted(found['name'])} stands there twice")
        if len(self._open) == MAX_BLOCKS_WITHIN:
            raise WeavingError("FRAGMENT_DEPTH", f"more than {MAX_BLOCKS_WITHIN} blocks stand within each other")
        self._seen.add(found["name"])
        block = Block(found["name"], self._tag(begin), required=bool(found["required"]))
        self._put(begin, block)
        self._open.append(block)
        self._balance("block")

    def _end_block(self, expression: str, begin: int) -> None:
        self._balance("endblock")
        block = self._open[-1]
        if expression.strip() not in ("", block.name):
            raise WeavingError("TEMPLATE_SYNTAX", f"the block {quoted(block.name)} is ended by another name")
        self._keep(begin)
        self._open.pop()
        self._from = self._lexer.at
        block.end = self._tag(begin)

    def _text(self) -> None:
        """Something is shown or done here."""
        if self._layout and not self._open:
            raise WeavingError(
                "TEMPLATE_SYNTAX",
                "a text that extends another says nothing outside of its blocks: it would not be seen",
            )
        self._is_begun = True

    def _put(self, begin: int, segment: Segment) -> None:
        """In the place of what stands from ``begin`` to where the lexer is."""
        self._keep(begin)
        self._where().append(segment)
        self._from = self._lexer.at

    def _keep(self, end: int) -> None:
        """The text up to ``end`` as it is, unless it is outside of all blocks and so not seen."""
        if self._from < end and (self._open or not self._layout):
            self._where().append(self._source[self._from : end])
        self._from = self._lexer.at

    def _where(self) -> list[Segment]:
        return self._open[-1].inner if self._open else self._top

    def _tag(self, begin: int) -> Tag:
        return Tag(self._source.startswith("-", begin + 2), self._source.startswith("-", self._lexer.at - 3))


def _name_in(expression: str, tag: str) -> tuple[str, str]:
    """The fragment's name and what stands behind it."""
    found = _NAMED.fullmatch(expression.strip())
    if found is None:
        raise WeavingError(
            "FRAGMENT_NAME", f"the tag '{tag}' takes a fragment's name in quotes, and nothing else for it"
        )
    if not _NAME.fullmatch(found["name"]):
        raise WeavingError("FRAGMENT_NAME", f"{quoted(found['name'])} is no name that a fragment can have")
    return found["name"], found["more"]
