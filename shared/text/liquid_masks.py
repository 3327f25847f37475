"""Liquid hidden from programs that know HTML or MJML alone, and put back when they are done.

What stands between tags becomes a comment, which may stand anywhere, between the rows of a table too; elsewhere it
becomes a word. Attributes that Liquid chooses, up to the end of its ``if`` say, become one attribute. When it is put
back, all of it must be there: what shows something may show it twice, as MJML does, and nothing may be lost.
"""

from __future__ import annotations

import collections
import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from liquid.token import TOKEN_COMMENT, TOKEN_CONTENT, TOKEN_DOC, TOKEN_OUTPUT, TOKEN_TAG

from shared.text.liquid.html_places import Place, follow
from shared.text.liquid.lexing import Lexer

#: Tags that something ends.
_BEGIN = frozenset({"if", "unless", "case", "for", "tablerow", "capture", "ifchanged", "comment", "piece"})
#: Elements in which nothing but words are read.
_WORDS_ALONE = re.compile(r"<(/?)(title|textarea|mj-title|mj-preview|mj-style|mj-accordion-title)\b", re.I)
#: How often a piece comes back: once, and in its turn; once; at least once; as often as its rule is used, if ever.
_IN_TURN, _ONCE, _SOME, _EVER = "in turn", "once", "some", "ever"


class Misplaced(Exception):
    """Liquid that stands where the program has no place for it. ``at`` is its place in the source."""

    def __init__(self, at: int, liquid: str) -> None:
        super().__init__("Liquid has no place here")
        self.at = at
        self.liquid = liquid


class _Mark(NamedTuple):
    """A piece of Liquid, where it stands, and how often it must come back."""

    liquid: str
    at: int
    how_often: str
    in_name: bool


class _Liquid(NamedTuple):
    name: str  # of the tag; empty for what shows a value
    begin: int
    end: int


class Masks:
    """One text's."""

    def __init__(self, source: str) -> None:
        """Raises LiquidError for what is no Liquid."""
        self._source = source
        self._marks: list[_Mark] = []
        self._parts: list[str] = []
        #: Where each part begins in what is masked, and in the source.
        self._begins: list[tuple[int, int]] = []
        self._length = 0
        lower = source.lower()
        self._word = next(word for n in itertools.count() if (word := f"zq{n}z") not in lower)
        self._mask()

    @property
    def text(self) -> str:
        """The text without Liquid."""
        return "".join(self._parts)

    def place_of(self, at: int) -> int:
        """A place of the text as one of the source."""
        before = [begins for begins in self._begins if begins[0] <= at]
        masked, source = before[-1] if before else (0, 0)
        following = next((begins[1] for begins in self._begins if begins[0] > masked), len(self._source))
        return min(source + at - masked, max(following - 1, source))

    def put_back(self, made: str) -> str:
        """``made`` of the text, with its Liquid. Raises :class:`Misplaced`."""
        pattern = re.compile(rf"<!--{self._word}([0-9]+)[xt]-->|{self._word}([0-9]+)(?:a(?:=\"\")?|[xt])")
        found = [int(one[1] or one[2]) for one in pattern.finditer(made)]
        self._check(found)
        return pattern.sub(lambda one: self._marks[int(one[1] or one[2])].liquid, made)

    def _check(self, found: list[int]) -> None:
        times = collections.Counter(found)
        in_turn = [n for n in found if self._marks[n].how_often == _IN_TURN]
        expected = [n for n, mark in enumerate(self._marks) if mark.how_often == _IN_TURN]
        wrong: list[int | None] = [n for n, mark in enumerate(self._marks) if not _is_right(mark.how_often, times[n])]
        wrong += [n for n, other in itertools.zip_longest(expected, in_turn) if n != other]
        if wrong:
            mark = self._marks[wrong[0] if wrong[0] is not None else in_turn[-1]]
            raise Misplaced(mark.at, mark.liquid)

    def _mask(self) -> None:
        place, words, in_comment = Place(), "", False
        waiting = _pieces(self._source)
        for piece in waiting:
            if not isinstance(piece, _Liquid):
                self._add(*piece)
                place = follow(place, piece[1])
                for tag in _WORDS_ALONE.finditer(piece[1]):
                    words = "" if tag[1] else tag[2].lower()
                in_comment = _in_comment(in_comment, piece[1])
            elif place.kind == "tag":
                self._put(_whole(piece, waiting), "a", _ONCE)
            elif place.kind == "text" and not words and not in_comment:
                self._put(piece, "", _IN_TURN)
            else:
                in_style = place.meaning == "style" or words == "mj-style"
                word = self._put(piece, "t" if piece.name else "x", _EVER if in_style else _SOME, place.kind == "open")
                place = follow(place, word)

    def _put(self, piece: _Liquid, letter: str, how_often: str, in_name: bool = False) -> str:
        """``in_name``: in a tag's, which ends as it begins."""
        liquid = self._source[piece.begin : piece.end]
        same = [n for n, mark in enumerate(self._marks) if mark.liquid == liquid and mark.in_name] if in_name else []
        word = f"{self._word}{same[0] if same else len(self._marks)}"
        if not same:
            self._marks.append(_Mark(liquid, piece.begin, how_often, in_name))
        text = {"": f"<!--{word}{'t' if piece.name else 'x'}-->", "a": f' {word}a="" '}.get(letter, f"{word}{letter}")
        self._add(piece.begin, text)
        return text

    def _add(self, begin: int, text: str) -> None:
        self._begins.append((self._length, begin))
        self._parts.append(text)
        self._length += len(text)


def _is_right(how_often: str, times: int) -> bool:
    return how_often == _EVER or times == 1 or (how_often == _SOME and times > 1)


def _in_comment(inside: bool, text: str) -> bool:
    """Whether a comment, one for Outlook too, is open after ``text``."""
    begin, end = text.rfind("<!--"), text.rfind("-->")
    return inside if begin == end == -1 else begin > end


def _whole(first: _Liquid, following: Iterator[_Liquid | tuple[int, str]]) -> _Liquid:
    """A tag with all up to what ends it."""
    depth = int(first.name in _BEGIN)
    end = first.end
    while depth and (piece := next(following, None)):
        if isinstance(piece, _Liquid):
            depth += (piece.name in _BEGIN) - (piece.name.startswith("end") and piece.name[3:] in _BEGIN)
            end = piece.end
    return first._replace(end=end)


def _pieces(source: str) -> Iterator[_Liquid | tuple[int, str]]:
    """Text, with where it begins, and Liquid in turns. What is raw or a comment is one piece of Liquid."""
    lexer = Lexer(source)
    at = 0
    comment: int | None = None
    for token in lexer:
        name = token.value if token.kind == TOKEN_TAG else ""
        if comment is not None:
            if name == "endcomment":
                yield _Liquid("comment", comment, lexer.at)
                at, comment = lexer.at, None
            continue
        if token.kind == TOKEN_TAG:
            begin = source.rfind("{%", at, token.start_index)
        elif token.kind == TOKEN_OUTPUT:
            begin = token.start_index
        elif token.kind in (TOKEN_CONTENT, TOKEN_DOC) and source[at : lexer.at].lstrip().startswith("{%"):
            begin = source.find("{%", at)
            name = "raw"
        elif token.kind in (TOKEN_CONTENT, TOKEN_COMMENT):
            yield at, source[at : lexer.at]
            at = lexer.at
            continue
        else:
            continue
        if at < begin:
            yield at, source[at:begin]
        if name == "comment":
            comment = begin
        else:
            yield _Liquid(name, begin, lexer.at)
            at = lexer.at
    if at < len(source):
        yield at, source[at:]
