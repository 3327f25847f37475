"""One family of errors, and one table between it and gRPC's codes, for both sides of a call.

A server raises :class:`PulseError`; the server interceptor turns it into a ``google.rpc.Status`` with
``ErrorInfo`` (reason, domain ``pulse``) and the details that fit. A client turns that status back into
the same class, so that an error keeps its name over any number of hops.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from shared import error_bounds as bounds
from shared.error_bounds import fit, quoted

DOMAIN = "pulse"
#: Fields that a message names; more are counted.
_MOST_TOLD = 10
#: Where metadata counts the violations if they are more than the details hold.
_COUNT = "violations"
#: Where gRPC carries a google.rpc.Status with its details.
_DETAILS_KEY = "grpc-status-details-bin"


class Code(enum.Enum):
    """The codes Pulse answers with; the value is gRPC's."""

    INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT
    NOT_FOUND = grpc.StatusCode.NOT_FOUND
    ALREADY_EXISTS = grpc.StatusCode.ALREADY_EXISTS
    FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
    RESOURCE_EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
    UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
    PERMISSION_DENIED = grpc.StatusCode.PERMISSION_DENIED
    UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED
    UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
    DEADLINE_EXCEEDED = grpc.StatusCode.DEADLINE_EXCEEDED
    CANCELLED = grpc.StatusCode.CANCELLED
    INTERNAL = grpc.StatusCode.INTERNAL

    @property
    def number(self) -> int:
        """gRPC's number for it."""
        return int(self.value.value[0])


_BY_NUMBER = {code.number: code for code in Code}


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


def invalid(violations: Sequence[Violation], reason: str = "INVALID_FIELDS") -> PulseError:
    """INVALID_ARGUMENT that names each field, or says how many there are and names the first."""
    message = "; ".join(f"{v.field}: {v.description}" for v in violations[:_MOST_TOLD])
    if len(violations) > _MOST_TOLD:
        message = f"{len(violations)} fields break their rules, the first of them {message}"
    return PulseError(Code.INVALID_ARGUMENT, reason, message, violations=tuple(violations))


def not_found(what: str, name: str) -> PulseError:
    """NOT_FOUND with reason ``<WHAT>_NOT_FOUND``."""
    return PulseError(Code.NOT_FOUND, f"{what.upper()}_NOT_FOUND", f"there is no {what.lower()} {quoted(name)}")


def to_status(error: PulseError) -> status_pb2.Status:
    """The error as it crosses the wire, with so much of its texts as trailers may hold."""
    error = _bounded(error)
    metadata = dict(error.metadata)
    if error.hint:
        metadata["hint"] = error.hint
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)]
    if error.violations:
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
            for v in error.violations
        ]
        details.append(error_details_pb2.BadRequest(field_violations=fields))
    if error.quotas:
        quotas = [
            error_details_pb2.QuotaFailure.Violation(subject=q.subject, description=q.description, quota_value=q.value)
            for q in error.quotas
        ]
        details.append(error_details_pb2.QuotaFailure(violations=quotas))
    if error.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(round(error.retry_after * 1000))
        details.append(retry)
    return status_pb2.Status(code=error.code.number, message=error.message, details=[_pack(d) for d in details])


def from_status(status: status_pb2.Status) -> PulseError:
    """The error that :func:`to_status` was given; a foreign status becomes one with reason ``UPSTREAM``."""
    error = PulseError(_BY_NUMBER.get(status.code, Code.INTERNAL), "UPSTREAM", status.message)
    for detail in status.details:
        _read_detail(error, detail)
    return error


def from_rpc_error(error: grpc.RpcError) -> PulseError:
    """What a failed call means, as the server said it or, where it could not, as gRPC says."""
    trailing: Any = error.trailing_metadata() or () if hasattr(error, "trailing_metadata") else ()
    for key, value in trailing:
        if key == _DETAILS_KEY:
            return from_status(status_pb2.Status.FromString(value))
    # gRPC's own words are not passed on: they hold addresses of the inside.
    code = _BY_NUMBER.get(error.code().value[0], Code.INTERNAL) if hasattr(error, "code") else Code.INTERNAL
    return PulseError(code, code.name, _TRANSPORT.get(code, "a call between services of Pulse failed"))


_TRANSPORT = {
    Code.UNAVAILABLE: "a service of Pulse cannot be reached now; try again with the same idempotency key",
    Code.DEADLINE_EXCEEDED: "there was no answer before the deadline; ask again with the same idempotency key",
    Code.CANCELLED: "the call was cancelled",
    Code.RESOURCE_EXHAUSTED: "the message is larger than a service of Pulse takes",
}


def _bounded(error: PulseError) -> PulseError:
    """The same, with long texts cut; metadata's ``violations`` counts them where not all are named."""
    metadata = {fit(key, bounds.TEXT): fit(value, bounds.TEXT) for key, value in error.metadata.items()}
    told = [Violation(fit(v.field, bounds.TEXT), fit(v.description, bounds.TEXT)) for v in error.violations]
    violations = bounds.first(told, lambda v: (v.field, v.description), bounds.VIOLATIONS)
    if len(violations) < len(told):
        metadata = {_COUNT: str(len(told)), **metadata}
    limits = [
        QuotaViolation(fit(q.subject, bounds.TEXT), fit(q.description, bounds.TEXT), q.value) for q in error.quotas
    ]
    return PulseError(
        error.code,
        fit(error.reason, bounds.REASON),
        fit(error.message, bounds.MESSAGE, bounds.percent_bytes),
        fit(error.hint, bounds.HINT),
        tuple(violations),
        tuple(bounds.first(limits, lambda q: (q.subject, q.description), bounds.LIMITS)),
        error.retry_after,
        dict(bounds.first(metadata.items(), lambda pair: pair, bounds.METADATA)),
    )


def _pack(detail: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed


def _read_detail(error: PulseError, detail: AnyMessage) -> None:
    for kind, read in _READERS.items():
        if detail.Is(kind.DESCRIPTOR):  # type: ignore[arg-type]  # the stubs name one of two equal types
            message = kind()
            detail.Unpack(message)
            read(error, message)


def _read_info(error: PulseError, info: Any) -> None:
    metadata = dict(info.metadata)
    error.reason, error.hint = info.reason, metadata.pop("hint", "")
    error.metadata = metadata


def _read_bad_request(error: PulseError, bad: Any) -> None:
    error.violations = tuple(Violation(v.field, v.description) for v in bad.field_violations)


def _read_quota(error: PulseError, quota: Any) -> None:
    error.quotas = tuple(QuotaViolation(v.subject, v.description, v.quota_value) for v in quota.violations)


def _read_retry(error: PulseError, retry: Any) -> None:
    error.retry_after = retry.retry_delay.ToMilliseconds() / 1000


_READERS: dict[type[Message], Any] = {
    error_details_pb2.ErrorInfo: _read_info,
    error_details_pb2.BadRequest: _read_bad_request,
    error_details_pb2.QuotaFailure: _read_quota,
    error_details_pb2.RetryInfo: _read_retry,
}
