"""A variable the context does not hold."""

from __future__ import annotations

from liquid.undefined import FalsyStrictUndefined


class Undefined(FalsyStrictUndefined):
    """An error where it is used; false in conditions, null in comparisons, absent to ``default``.

    ``hint`` holds how many parts of its path were followed: its name is what the template wrote, never a value.
    """

    force_liquid_default = True
