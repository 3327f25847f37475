"""What the console itself has against a request, in the form in which the API's errors are shown."""

from __future__ import annotations

import grpc

from pulse_client import PulseError


def refusal(reason: str, message: str, hint: str = "") -> PulseError:
    """INVALID_ARGUMENT."""
    return PulseError(grpc.StatusCode.INVALID_ARGUMENT, reason, message, hint)


def missing(reason: str, message: str) -> PulseError:
    """NOT_FOUND."""
    return PulseError(grpc.StatusCode.NOT_FOUND, reason, message)
