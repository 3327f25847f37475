"""The one exception that calls to Pulse raise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

#: Where gRPC carries a google.rpc.Status with its details.
_DETAILS_KEY = "grpc-status-details-bin"
#: The reason where the gateway itself gave no answer: it, or the way to it, is down.
UNREACHABLE = "UNREACHABLE"
_BY_NUMBER: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class Violation:
    """One field that breaks its rule; ``field`` is its path in the request."""

    field: str
    description: str


class PulseError(Exception):
    """What went wrong. ``reason`` (UPPER_SNAKE) is stable: branch on it, or on ``code``.

    ``hint`` says what to do, ``violations`` name the fields at fault, ``retry_after`` is in seconds
    (None: not said).
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        message: str,
        hint: str = "",
        violations: tuple[Violation, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, reason, message)
        self.code = code
        self.reason = reason
        self.message = message
        self.hint = hint
        self.violations = violations
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}" + (f" ({self.hint})" if self.hint else "")


def from_rpc_error(error: Any) -> PulseError:
    """From a failed call, sync or aio: as the server said it or, where it could not, as gRPC says."""
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY:
            return from_status(status_pb2.Status.FromString(value))
    reason = UNREACHABLE if error.code() is grpc.StatusCode.UNAVAILABLE else error.code().name
    return PulseError(error.code(), reason, error.details() or "the call failed")


def from_status(status: status_pb2.Status) -> PulseError:
    """From a google.rpc.Status."""
    code = _BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN)
    error = PulseError(code, code.name, status.message)
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Unpack(info):
            error.reason, error.hint = info.reason, info.metadata.get("hint", "")
        elif detail.Unpack(bad):
            error.violations = tuple(Violation(v.field, v.description) for v in bad.field_violations)
        elif detail.Unpack(retry):
            error.retry_after = retry.retry_delay.ToMilliseconds() / 1000
    return error
