"""Texts with the fragments that they take in, woven into one text when they are saved.

So nothing need be looked up when it is rendered, and what was saved never changes. ``render`` becomes a piece, whose
variables are its own (:mod:`shared.text.liquid.pieces`); a text that extends a layout becomes the layout, in which its
blocks stand. It all ends: what takes itself in, and what would grow too large, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from shared.text.error_bounds import quoted
from shared.text.fragment_marks import (
    Block,
    Marked,
    Render,
    Segment,
    Super,
    Tag,
    WeavingError,
    blocks_in,
    has_dashes,
    marked,
)
from shared.text.liquid.bounds import MAX_MARKUP, MAX_TEXT

#: Largest text that is woven, bytes.
MAX_WOVEN = 4 * MAX_TEXT
#: Most that is put together for one text, all that it is made of counted, bytes.
_MAX_MADE = 8 * MAX_WOVEN
#: Most outputs and tags of all fragments that are read for it.
_MAX_MARKUP = 2 * MAX_MARKUP
#: Most fragments within each other.
MAX_WITHIN = 10

#: Gives a fragment's text by its name; raises :class:`WeavingError` for one that is not there.
Find = Callable[[str], str]
#: The fragments that lead to a text, the outermost first.
_Path = tuple[str, ...]


class _Woven(NamedTuple):
    """A fragment woven, and how many stand within each other in it, itself included."""

    text: str
    height: int
    #: Whether it is nothing but words and values.
    only_shows: bool


class _Said(NamedTuple):
    """What a block is to say, and the fragments that lead to the text where it stands."""

    block: Block
    path: _Path


class Weaver:
    """Weaves the texts of one channel and language. ``fills_blocks``: what a layout requires must be said."""

    def __init__(self, find: Find, *, fills_blocks: bool = True) -> None:
        self._find = find
        self.fills_blocks = fills_blocks
        self._read: dict[str, Marked] = {}
        self._done: dict[str, _Woven] = {}
        self._made = 0
        self._markup = 0

    def woven(self, source: str) -> str:
        """``source`` with all that it takes in; raises :class:`WeavingError`."""
        self._made = 0
        return _Chain(self, self._layouts(marked(source), ())).text

    def piece(self, name: str, path: _Path) -> _Woven:
        """A fragment woven, as it is put where ``path`` leads to."""
        done = self._done.get(name)
        if done is None:
            within = self.entered(name, path)
            chain = _Chain(self, self._layouts(self.read(name), within))
            only_shows = "{%" not in chain.text and not has_dashes(chain.text)
            done = self._done[name] = _Woven(chain.text, chain.height - len(path), only_shows)
        elif len(path) + done.height > MAX_WITHIN:
            raise _too_deep((*path, name))
        return done

    def read(self, name: str) -> Marked:
        """A fragment taken apart."""
        if name not in self._read:
            source = self._find(name)
            self._markup += source.count("{{") + source.count("{%")
            if self._markup > _MAX_MARKUP:
                raise WeavingError("TEMPLATE_TOO_LARGE", f"takes in more than {_MAX_MARKUP:,} outputs and tags")
            try:
                self._read[name] = marked(source)
            except WeavingError as error:
                raise WeavingError(error.reason, f"takes in the fragment {quoted(name)}: {error.message}") from None
        return self._read[name]

    def entered(self, name: str, path: _Path) -> _Path:
        """The path one fragment further; raises :class:`WeavingError` where that never ends."""
        if name in path:
            raise WeavingError("FRAGMENT_CYCLE", f"takes in itself: {_shown((*path, name))}")
        if len(path) >= MAX_WITHIN:
            raise _too_deep((*path, name))
        return (*path, name)

    def joined(self, parts: Sequence[str]) -> str:
        """One text of them; raises :class:`WeavingError` for one that is too large."""
        size = 0
        for part in parts:
            size += len(part.encode("utf-8", "replace"))
            if size > MAX_WOVEN or self._made + size > _MAX_MADE:
                kib = MAX_WOVEN // 1024
                raise WeavingError(
                    "TEMPLATE_TOO_LARGE", f"takes more than {kib} KiB with the fragments that it takes in"
                )
        self._made += size
        return "".join(parts)

    def _layouts(self, text: Marked, path: _Path) -> list[tuple[Marked, _Path]]:
        """The text, what it extends, what that extends."""
        chain = [(text, path)]
        while layout := chain[-1][0].layout:
            path = self.entered(layout, path)
            chain.append((self.read(layout), path))
        return chain


class _Chain:
    """A text with the layouts that it extends, written as one."""

    def __init__(self, weaver: Weaver, layouts: Sequence[tuple[Marked, _Path]]) -> None:
        self._weaver = weaver
        self._blocks: dict[str, list[_Said]] = {}
        self._shows_dashes = any(text.has_dashes for text, _ in layouts)
        self._done: dict[tuple[str, int], str] = {}
        self._writing: list[tuple[str, int]] = []
        #: Whether it only shows words and values, so that no piece needs variables of its own.
        self._only_shows = not any("{%" in words for text, _ in layouts for words in text.words())
        for text, path in layouts:
            for block in blocks_in(text.segments):
                self._blocks.setdefault(block.name, []).append(_Said(block, path))
        base, path = layouts[-1]
        #: How many fragments stand within each other at the most, those that lead here counted.
        self.height = len(path)
        self.text = self._written(base.segments, path, None)

    def _written(self, segments: Sequence[Segment], path: _Path, inside: tuple[str, int] | None) -> str:
        """``inside``: the block in which they stand, and which of those that have its name."""
        return self._weaver.joined([self._part(one, path, inside) for one in segments])

    def _part(self, segment: Segment, path: _Path, inside: tuple[str, int] | None) -> str:
        if isinstance(segment, str):
            return segment
        if isinstance(segment, Render):
            return self._piece(segment, path)
        if isinstance(segment, Super):
            name, level = inside or ("", 0)
            return self._block(name, level + 1, segment.tag, segment.tag)
        return self._block(segment.name, 0, segment.begin, segment.end)

    def _piece(self, render: Render, path: _Path) -> str:
        piece = self._weaver.piece(render.name, path)
        self.height = max(self.height, len(path) + piece.height)
        if self._only_shows and render.is_bare and piece.only_shows:
            return piece.text  # so that it stays as quick as a text that takes nothing in
        begin = f"{{%{_dash(render.tag.left)} piece {render.expression} %}}"
        return f"{begin}{piece.text}{{% endpiece {_dash(render.tag.right)}%}}"

    def _block(self, name: str, level: int, begin: Tag, end: Tag) -> str:
        """What the block says, between two tags of the text that it stands in."""
        said = self._blocks[name]
        if level == len(said):
            raise WeavingError(
                "TEMPLATE_SYNTAX", f"asks for block.super in the block {quoted(name)}, which is the first"
            )
        block, path = said[level]
        if block.required and self._weaver.fills_blocks:
            raise WeavingError("BLOCK_MISSING", f"says nothing in the block {quoted(name)}, which its layout requires")
        key = name, level
        if key in self._writing:
            raise WeavingError("FRAGMENT_CYCLE", f"has the block {quoted(name)} within itself")
        if key not in self._done:
            self._writing.append(key)
            self._done[key] = self._written(block.inner, path, key)
            self._writing.pop()
        before = self._edge(begin.left, block.begin.right)
        after = self._edge(block.end.left, end.right)
        return self._weaver.joined([before, self._done[key], after])

    def _edge(self, left: bool, right: bool) -> str:
        """Keeps white space where it is, or takes it away on one side: a comment, where any tag takes some away."""
        return f"{{%{_dash(left)} # {_dash(right)}%}}" if self._shows_dashes else ""


def _dash(is_there: bool) -> str:
    return "-" if is_there else ""


def _shown(path: _Path) -> str:
    return " → ".join(map(quoted, path))


def _too_deep(path: _Path) -> WeavingError:
    return WeavingError(
        "FRAGMENT_DEPTH", f"takes in more than {MAX_WITHIN} fragments within each other: {_shown(path[:3])} …"
    )
