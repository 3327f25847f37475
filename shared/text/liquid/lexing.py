"""Takes a template's text apart in one pass, in time that grows with its length alone.

The library's own lexer is regular expressions that go back over what they have read: 60 KB of blanks would keep it busy
for minutes. The tokens are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from liquid import Token
from liquid.exceptions import LiquidSyntaxError
from liquid.token import TOKEN_COMMENT, TOKEN_CONTENT, TOKEN_DOC, TOKEN_EXPRESSION, TOKEN_OUTPUT, TOKEN_TAG

from shared.text.liquid.bounds import MAX_EXPRESSIONS, MAX_LOOK_AHEAD, MAX_MARKUP, too_much

_MARKUP = re.compile(r"\{[{%]")
_NAME = re.compile(r"\{%-?\s*(#|\w+)")
_VERBATIM = {
    "raw": (TOKEN_CONTENT, re.compile(r"\{%-?\s*endraw\s*(-?)%\}")),
    "doc": (TOKEN_DOC, re.compile(r"\{%-?\s*enddoc\s*(-?)%\}")),
}
_LINE_NAME = re.compile(r"(#|\w+)")


class Lexer:
    """The tokens of one text, by iteration. Raises LiquidSyntaxError, and ResourceLimitError for too much of it."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._strips = False  # white space up to the next markup
        self._last_close = source.rfind("}}")  # what opens behind it is a brace like any other
        self._look_ahead = 0
        self._markup = 0
        self._expressions = 0

    def __iter__(self) -> Iterator[Token]:
        source = self._source
        while self._at < len(source):
            if source.startswith("{{", self._at) and self._at + 2 <= self._last_close:
                yield from self._output()
            elif source.startswith("{%", self._at):
                yield from self._tag()
            else:
                yield from self._content()

    @property
    def at(self) -> int:
        """Where what was told last ends: for a tag or an output behind its closing brace."""
        return self._at

    def _content(self) -> Iterator[Token]:
        begin, markup = self._at, _MARKUP.search(self._source, self._at + 1)
        self._at = markup.start() if markup else len(self._source)
        text = self._source[begin : self._at]
        if text.startswith("{{"):
            raise self._error("expected '}}', found end of file")
        if self._strips:
            text = text.lstrip()
        if self._source.startswith("-", self._at + 2):
            text = text.rstrip()
        if text:
            yield self._token(TOKEN_CONTENT, text, begin)

    def _output(self) -> Iterator[Token]:
        begin = self._at
        inner, start = self._inside(begin + 2 + self._source.startswith("-", begin + 2), "}}")
        yield self._token(TOKEN_OUTPUT, self._source[begin : self._at], begin)
        yield self._expression(inner, start)

    def _tag(self) -> Iterator[Token]:
        named = _NAME.match(self._source, self._at)
        if named is None:
            raise self._error("missing tag name or closing delimiter")
        name, start = named[1], named.start(1)
        inner, at = self._inside(named.end(), "%}")
        if name in _VERBATIM and not inner:
            yield self._verbatim(name)
            return
        yield self._token(TOKEN_TAG, name, start)
        if name == "comment":
            yield from self._comment()
        elif not inner:
            self._look("")
        elif name == "liquid":
            for line in inner.split("\n"):
                self._look(line)
            yield self._token(TOKEN_EXPRESSION, inner, at)
        else:
            yield self._expression(inner, at)

    def _inside(self, begin: int, end: str) -> tuple[str, int]:
        """What stands between ``begin`` and the markup's end, stripped, and where; goes on behind the end."""
        stop = self._source.find(end, begin)
        if stop < 0:
            raise self._error(f"expected '{end}', found end of file")
        self._at = stop + 2
        self._strips = stop > begin and self._source[stop - 1] == "-"
        inner = self._source[begin : stop - self._strips]
        return inner.strip(), begin + len(inner) - len(inner.lstrip())

    def _verbatim(self, name: str) -> Token:
        kind, pattern = _VERBATIM[name]
        begin = self._at
        end = pattern.search(self._source, begin)
        if end is None:
            raise self._error(f"tag '{name}' is not closed")
        self._at, self._strips = end.end(), bool(end[1])
        return self._token(kind, self._source[begin : end.start()], begin)

    def _comment(self) -> Iterator[Token]:
        """Up to the end of the outermost comment; what is in it need be no Liquid."""
        begin = end = self._at
        depth = 1
        while depth:
            end = self._source.find("{%", self._at)
            named = _NAME.match(self._source, end) if end >= 0 else None
            if end < 0:
                raise self._error("comment tag was never closed")
            self._at = end + 2
            if named and named[1] in ("comment", "endcomment"):
                depth += 1 if named[1] == "comment" else -1
        yield self._token(TOKEN_COMMENT, self._source[begin:end], begin)
        name = _NAME.match(self._source, end)
        self._inside(name.end() if name else end, "%}")
        yield self._token(TOKEN_TAG, "endcomment", end)

    def _expression(self, text: str, start: int) -> Token:
        self._look(text)
        return self._token(TOKEN_EXPRESSION, text, start)

    def _look(self, expression: str) -> None:
        """Counts the expressions, and how far the library's lexer may look ahead in them: from brackets to the end."""
        self._markup += 1
        self._expressions += len(expression)
        self._look_ahead += len(expression) * (expression.count("(") + expression.count("["))
        if self._markup > MAX_MARKUP or self._expressions > MAX_EXPRESSIONS or self._look_ahead > MAX_LOOK_AHEAD:
            raise too_much()

    def _token(self, kind: str, value: str, start: int) -> Token:
        return Token(kind, value, start, self._source)

    def _error(self, message: str) -> LiquidSyntaxError:
        return LiquidSyntaxError(message, token=Token(TOKEN_TAG, "", self._at, self._source))


def lines(token: Token) -> Iterator[Token]:
    """The tags in a ``liquid`` tag, one a line."""
    at = token.start_index
    for line in token.value.split("\n"):
        stripped = line.strip()
        start = at + len(line) - len(line.lstrip())
        at += len(line) + 1
        if not stripped:
            continue
        name = _LINE_NAME.match(stripped)
        if name is None:
            raise LiquidSyntaxError("expected newline delimited tag expressions", token=token)
        yield Token(TOKEN_TAG, name[1], start, token.source)
        if expression := stripped[name.end() :].strip():
            yield Token(TOKEN_EXPRESSION, expression, start + name.end(), token.source)
