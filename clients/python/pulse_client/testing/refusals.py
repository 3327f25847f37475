"""How a gateway refuses: the reasons that callers branch on, with the codes that they come with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from pulse.gateway.v1 import notification_service_pb2 as pb
from pulse_client.errors import Violation

Code = grpc.StatusCode

#: The code of each reason that a test may want; another one is given its code where it is scripted.
REASONS: Mapping[str, grpc.StatusCode] = {
    "INVALID_FIELDS": Code.INVALID_ARGUMENT,
    "MISSING_VARIABLE": Code.INVALID_ARGUMENT,
    "UNKNOWN_CHANNEL": Code.INVALID_ARGUMENT,
    "TEMPLATE_NOT_FOUND": Code.NOT_FOUND,
    "NOTIFICATION_NOT_FOUND": Code.NOT_FOUND,
    "IDEMPOTENCY_KEY_REUSED": Code.ALREADY_EXISTS,
    "NOT_CANCELLABLE": Code.FAILED_PRECONDITION,
    "NOT_SENT": Code.FAILED_PRECONDITION,
    "NEWER_RELEASE": Code.FAILED_PRECONDITION,
    "API_KEY_MISSING": Code.UNAUTHENTICATED,
    "API_KEY_UNKNOWN": Code.UNAUTHENTICATED,
    "SCOPE_MISSING": Code.PERMISSION_DENIED,
    "SMS_PREFIX_DENIED": Code.PERMISSION_DENIED,
    "RATE_LIMITED": Code.RESOURCE_EXHAUSTED,
    "OVERLOADED": Code.RESOURCE_EXHAUSTED,
    "ROUTER_UNAVAILABLE": Code.UNAVAILABLE,
    "LEDGER_UNAVAILABLE": Code.UNAVAILABLE,
}
#: Seconds after which to try again, where a gateway says so by itself.
_RETRY_AFTER = {"RATE_LIMITED": 1.0, "OVERLOADED": 1.0}


@dataclass(eq=False)
class Refusal(Exception):
    """One refusal, as the wire carries it; ``retry_after`` in seconds, None: not said."""

    reason: str
    message: str
    code: grpc.StatusCode
    hint: str = ""
    violations: tuple[Violation, ...] = ()
    retry_after: float | None = None

    def status(self) -> status_pb2.Status:
        """As google.rpc.Status, which a batch's results hold."""
        info = error_details_pb2.ErrorInfo(reason=self.reason, domain="pulse")
        if self.hint:
            info.metadata["hint"] = self.hint
        bad = error_details_pb2.BadRequest()
        for one in self.violations:
            bad.field_violations.add(field=one.field, description=one.description)
        made = status_pb2.Status(code=self.code.value[0], message=self.message)
        details = [info, *([bad] if self.violations else [])]
        if self.retry_after is not None:
            wait = Duration()
            wait.FromMilliseconds(round(self.retry_after * 1000))
            details.append(error_details_pb2.RetryInfo(retry_delay=wait))
        for detail in details:
            packed = AnyMessage()
            packed.Pack(detail)
            made.details.append(packed)
        return made

    def abort(self, context: grpc.ServicerContext) -> NoReturn:
        """Ends the call with it."""
        context.set_trailing_metadata((("grpc-status-details-bin", self.status().SerializeToString()),))
        context.abort(self.code, self.message)


@dataclass
class Script:
    """A refusal for the next ``times`` requests that ``matches``."""

    refusal: Refusal
    times: int
    matches: Callable[[pb.SendNotificationRequest], bool]


def refusal(
    reason: str,
    message: str = "",
    code: grpc.StatusCode | None = None,
    hint: str = "",
    violations: tuple[Violation, ...] = (),
    retry_after: float | None = None,
) -> Refusal:
    """With what usually comes with that reason. ValueError for one of no known code."""
    code = code or REASONS.get(reason)
    if code is None:
        raise ValueError(f"{reason} is none of the reasons known here ({', '.join(REASONS)}): give its code, too")
    wait = _RETRY_AFTER.get(reason) if retry_after is None else retry_after
    return Refusal(reason, message or f"refused by the test's own script: {reason}", code, hint, violations, wait)


def invalid(field: str, description: str) -> Refusal:
    """The refusal of one field."""
    violations = (Violation(field, description),)
    return refusal("INVALID_FIELDS", f"{field}: {description}", violations=violations)
