"""One family of errors, for both sides of a call. How they cross the wire, :mod:`shared.rpc.statuses` says."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.text.error_bounds import quoted

#: Fields that a message names; more are counted.
_MOST_TOLD = 10


class Code(enum.Enum):
    """The codes Pulse answers with; the value is gRPC's number for it."""

    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    FAILED_PRECONDITION = 9
    RESOURCE_EXHAUSTED = 8
    UNAUTHENTICATED = 16
    PERMISSION_DENIED = 7
    UNIMPLEMENTED = 12
    UNAVAILABLE = 14
    DEADLINE_EXCEEDED = 4
    CANCELLED = 1
    INTERNAL = 13


@dataclass(frozen=True)
class Violation:
    """One field that breaks its rule. ``field`` is its path, ``requests[2].to`` say."""

    field: str
    description: str


@dataclass(frozen=True)
class QuotaViolation:
    """One limit that was reached. ``subject`` names it, without personal data; ``value`` is what it allows."""

    subject: str
    description: str
    value: int = 0


@dataclass
class PulseError(Exception):
    """What went wrong, in a form that crosses the wire whole."""

    code: Code
    reason: str  # UPPER_SNAKE, stable: what programs branch on
    message: str  # one sentence for people, without personal data
    hint: str = ""  # what to do about it
    violations: Sequence[Violation] = ()
    quotas: Sequence[QuotaViolation] = ()
    retry_after: float | None = None  # seconds
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


def invalid(violations: Sequence[Violation], reason: str = "INVALID_FIELDS", hint: str = "") -> PulseError:
    """INVALID_ARGUMENT that names each field, or says how many there are and names the first."""
    message = "; ".join(f"{v.field}: {v.description}" for v in violations[:_MOST_TOLD])
    if len(violations) > _MOST_TOLD:
        message = f"{len(violations)} fields break their rules, the first of them {message}"
    return PulseError(Code.INVALID_ARGUMENT, reason, message, hint, tuple(violations))


def invalid_field(field: str, reason: str, description: str, hint: str = "") -> PulseError:
    """INVALID_ARGUMENT for one field with a reason of its own. No text ever repeats the field's value.

    ``field`` is its path in the request, ``description`` one sentence without a full stop.
    """
    return invalid([Violation(field, description)], reason, hint)


def together(errors: Sequence[PulseError]) -> PulseError:
    """INVALID_ARGUMENT that names the fields of all, with the first one's reason."""
    return invalid([violation for error in errors for violation in error.violations], errors[0].reason)


def not_found(what: str, name: str, version: int = 0) -> PulseError:
    """NOT_FOUND with reason ``<WHAT>_NOT_FOUND``; ``version``: the one that is not there, if one was asked for."""
    which = f"version {version} of the {what.lower()}" if version else what.lower()
    return PulseError(Code.NOT_FOUND, f"{what.upper()}_NOT_FOUND", f"there is no {which} {quoted(name)}")
