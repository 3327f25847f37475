"""One rendering: its variables, and the work that is left to it."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from liquid import RenderContext, Token
from liquid.undefined import UNDEFINED, is_undefined
from liquid.utils import ReadOnlyChainMap

from shared.text.liquid.bounds import CHARACTERS, MAX_KEPT, MAX_WORK, STEP, too_much
from shared.text.liquid.output import HtmlOutput, Output

#: What each text that is rendered apart has for itself.
_OWN = (
    *("locals", "counters", "tag_namespace", "scope", "loops", "loop_iteration_carry"),
    *("_kept", "_kept_in_all"),
)
_SIZED = (str, list, tuple, dict, range)


class _Clock(Mapping[str, object]):
    """What every template may ask for: ``now`` and ``today``, in UTC."""

    _NAMES = ("now", "today")

    def __getitem__(self, key: str) -> object:
        if key not in self._NAMES:
            raise KeyError
        now = dt.datetime.now(dt.UTC)
        return now if key == "now" else now.date()

    def __iter__(self) -> Iterator[str]:
        return iter(self._NAMES)

    def __len__(self) -> int:
        return len(self._NAMES)


class BoundedContext(RenderContext):
    """Charges every look-up, filter and assignment to a budget of ``MAX_WORK`` units."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope = ReadOnlyChainMap(self.locals, self.globals, _Clock(), self.counters)
        self._left = MAX_WORK
        self._kept: dict[str, int] = {}
        self._kept_in_all = 0
        #: Where the filter stands that is being called.
        self.last_filter: Token | None = None

    def charge(self, units: int) -> None:
        """Takes ``units`` from the budget; raises ResourceLimitError when nothing is left."""
        self._left -= units
        if self._left < 0:
            raise too_much()

    def get(self, path: list[object], *, token: Token | None, default: object = UNDEFINED) -> object:
        """The value at ``path``. One that is not there is Undefined, which knows how far the path led."""
        self._left -= STEP + self.scope.size() + 2 * len(path)
        if self._left < 0:
            raise too_much()
        root = path[0]
        if is_undefined(root):
            return root
        value: object = self.scope.get(root, UNDEFINED) if isinstance(root, str) else UNDEFINED
        for followed, segment in enumerate(path[1:], 1):
            if is_undefined(segment):
                return segment  # the key itself is missing
            if is_undefined(value):
                return value  # a variable of the template's own, made of one that is missing
            if value is UNDEFINED:
                return self._missing(followed, token, default)
            value = self._item(value, segment)
        return self._missing(len(path), token, default) if value is UNDEFINED else value

    def _item(self, value: object, key: object) -> object:
        if isinstance(key, str):
            self.charge(len(key) // CHARACTERS)
        if isinstance(value, Mapping) and isinstance(key, str) and key in value:
            return value[key]
        if key == "size" and isinstance(value, _SIZED):
            return len(value)
        if key == "first" and isinstance(value, dict) and value:
            return next(itertools.islice(value.items(), 1))
        if isinstance(value, list | tuple | range):
            index = {"first": 0, "last": -1}.get(key, key) if isinstance(key, str) else key
            if type(index) is int and -len(value) <= index < len(value):
                return value[index]
        return UNDEFINED

    def _missing(self, followed: int, token: Token | None, default: object) -> object:
        return default if default is not UNDEFINED else self.env.undefined("", token=token, hint=str(followed))

    def assign(self, key: str, val: Any) -> None:
        """Keeps a variable of the template's own."""
        size = len(val) if isinstance(val, str | list) else 1
        self.charge(STEP + (size // CHARACTERS if isinstance(val, str) else 0))
        self._kept_in_all += size - self._kept.get(key, 0)
        self._kept[key] = size
        if self._kept_in_all > MAX_KEPT:
            raise too_much()
        self.locals[key] = val

    @contextlib.contextmanager
    def apart(self, given: Mapping[str, object]) -> Iterator[None]:
        """Within it, a text of its own is rendered: it sees the context and what it is ``given``.

        Of the variables and loops around it it knows nothing, and they of none of its own; the budget is the same.
        """
        around = {name: getattr(self, name) for name in _OWN}
        self.loop_iteration_carry *= math.prod(loop.length for loop in self.loops)
        self.locals, self.counters, self._kept, self.loops = {}, {}, {}, []
        self.tag_namespace = {"cycles": {}, "ifchanged": "", "stopindex": {}}
        self.scope = ReadOnlyChainMap(self.locals, given, self.globals, _Clock(), self.counters)
        try:
            yield
        finally:
            for name, value in around.items():
                setattr(self, name, value)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        """The filter, which works on this rendering's budget."""
        self.last_filter = token
        return super().filter(name, token)

    def get_buffer(self, buf: object = None) -> Any:
        """What a block of its own is written to, as for ``capture``."""
        return HtmlOutput(getattr(self.template, "followed", {}), self) if self.autoescape else Output()
