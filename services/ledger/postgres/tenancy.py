"""For which tenants the work at hand may see and write rows.

It is said where a call comes in (:mod:`services.ledger.rpc.tenant_scope`) and followed where a connection is taken
(:class:`Postgres`), so that no statement needs to, and none can forget it: PostgreSQL itself hides the
rows of all others. Who says nothing sees nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Platform(enum.Enum):
    """Work for the platform as a whole, over the rows of all tenants."""

    ALL = "all tenants"


Scope = frozenset[str] | Platform

_scope: ContextVar[Scope] = ContextVar("scope", default=frozenset())


def current() -> Scope:
    """What was said last in this task, or in the one that started it; at first: no tenant."""
    return _scope.get()


def enter(scope: Scope) -> None:
    """From here on in this task."""
    _scope.set(scope)


@contextmanager
def tenants(names: Iterable[str]) -> Iterator[None]:
    """These alone, until the block ends."""
    token = _scope.set(frozenset(names))
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def platform() -> Iterator[None]:
    """All of them, until the block ends; for the few modules that a test names."""
    token = _scope.set(Platform.ALL)
    try:
        yield
    finally:
        _scope.reset(token)
