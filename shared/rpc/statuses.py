"""Errors as they cross the wire: one table between them and ``google.rpc.Status``.

A server raises :class:`PulseError`; its interceptor turns it into a status with ``ErrorInfo`` (reason, domain
``pulse``) and the details that fit. A client turns that status back into the same class, so that an error keeps
its name over any number of hops.
"""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from shared.errors import Code, PulseError, QuotaViolation, Violation
from shared.text import error_bounds as bounds
from shared.text.error_bounds import fit

DOMAIN = "pulse"
#: Where metadata counts the violations if they are more than the details hold.
_COUNT = "violations"
#: Where gRPC carries a google.rpc.Status with its details.
DETAILS_KEY = "grpc-status-details-bin"

_BY_NUMBER = {code.value: code for code in Code}


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
    return status_pb2.Status(code=error.code.value, message=error.message, details=[_pack(d) for d in details])


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
        if key == DETAILS_KEY:
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
