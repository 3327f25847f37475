"""What a template renders to."""

from __future__ import annotations

from markupsafe import Markup

from shared.text.liquid.bounds import MAX_OUTPUT, Budget, too_much
from shared.text.liquid.html_places import Place, follow
from shared.text.liquid.html_values import before, put
from shared.text.liquid.markup import Script

#: What following a template's own pieces of HTML led to, kept for its next rendering.
Followed = dict[tuple[Place, str], Place]
#: Most of them that are kept.
_MOST_FOLLOWED = 1_024
_START = Place()


class Output:
    """A text, as it is written. At most ``MAX_OUTPUT`` bytes in UTF-8."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0

    def write(self, text: str) -> int:
        """Takes the template's own text. Raises ResourceLimitError."""
        self._size += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        if self._size > MAX_OUTPUT:
            raise too_much()
        self._parts.append(text)
        return len(text)

    def write_value(self, value: str) -> int:
        """Takes a value."""
        return self.write(value)

    def price(self, value: str) -> int:
        """How many times as dear as copying it is to write ``value``."""
        return 2

    def nested(self) -> Output:
        """What a block is written to that may yet be left out; it begins where this one stands."""
        return Output()

    def adopt(self, inner: Output) -> int:
        """Takes what was written to a nested output, nothing having been written here since."""
        self._size += inner._size
        if self._size > MAX_OUTPUT:
            raise too_much()
        self._parts += inner._parts
        return inner._size

    def getvalue(self) -> str:
        """All that was written, with line ends as ``\\n``."""
        text = "".join(self._parts)
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


class HtmlOutput(Output):
    """HTML, as it is written: each value as its place asks."""

    def __init__(self, followed: Followed, budget: Budget, place: Place = _START) -> None:
        super().__init__()
        self._followed = followed
        self._budget = budget
        self._place = place

    def write(self, text: str) -> int:
        if blocked := before(self._place, text):
            super().write(blocked)
        self._place = self._follow(text)
        return super().write(text)

    def write_value(self, value: str) -> int:
        text, self._place = put(self._place, value, self._budget.charge)
        return super().write(text)

    def nested(self) -> Output:
        return HtmlOutput(self._followed, self._budget, self._place)

    def adopt(self, inner: Output) -> int:
        if isinstance(inner, HtmlOutput):
            self._place = inner._place
        return super().adopt(inner)

    def price(self, value: str) -> int:
        meaning = self._place.meaning
        if isinstance(value, Markup) and (meaning not in ("script", "style") or isinstance(value, Script)):
            return 16
        return 8 if meaning in ("text", "plain", "url") and not self._place.is_unquoted else 512

    def _follow(self, text: str) -> Place:
        if self._place.theirs:
            return follow(self._place, text, self._budget.charge)
        key = (self._place, text)
        place = self._followed.get(key)
        if place is None:
            place = follow(self._place, text, self._budget.charge)
            if len(self._followed) < _MOST_FOLLOWED:
                self._followed[key] = place
        return place
