"""The contract's numbers for the ledger's names, and back."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, TypeVar

from pulse.common.v1 import enums_pb2, notification_pb2, provider_pb2
from pulse.ledger.v1 import records_pb2
from services.ledger.rules.delivery import Guarantee, Kind, Lane, Outcome
from services.ledger.rules.provider_states import Breaker, BreakerOverride
from services.ledger.rules.recipients import Rejection
from services.ledger.rules.retry import Cause
from services.ledger.rules.states import Status
from shared.channel.numbers import channel_of
from shared.channel.table import Channel
from shared.errors import Violation, invalid

Name = TypeVar("Name", bound=enum.StrEnum)


def _numbers(wrapper: Any, names: type[Name]) -> dict[Name, Any]:
    return {name: 0 if name == "UNSPECIFIED" else wrapper.Value(name.value) for name in names}


def _names(numbers: dict[Name, Any]) -> dict[int, Name]:
    return {number: name for name, number in numbers.items() if number}


def number(numbers: dict[Name, Any], name: Name | None) -> Any:
    """The contract's number; 0, which is "unspecified" everywhere, for None."""
    return 0 if name is None else numbers[name]


def channel_asked(number: int, field: str) -> Channel | None:
    """The channel that stands in ``field``; None: none does. INVALID_ARGUMENT for one newer than this release."""
    channel = channel_of(number)
    if channel is None and number:
        raise invalid([Violation(field, "is no channel that this ledger knows")], "UNKNOWN_CHANNEL")
    return channel


def channel_needed(number: int, field: str) -> Channel:
    """The channel that stands in ``field``; INVALID_ARGUMENT if none does, or one newer than this release."""
    channel = channel_asked(number, field)
    if channel is None:
        raise invalid([Violation(field, "is required")])
    return channel


def wanted(names: Mapping[int, Name], number: int, field: str) -> Name | None:
    """The name that stands in ``field``; None for 0, which is every one.

    INVALID_ARGUMENT for one newer than this release: it must not pass for every one.
    """
    if number and number not in names:
        raise invalid([Violation(field, f"{number} is not known to this release of Pulse")])
    return names.get(number)


TO_STATUS = _numbers(enums_pb2.Status, Status)
TO_PRIORITY = _numbers(enums_pb2.Priority, Lane)
TO_GUARANTEE = _numbers(enums_pb2.DeliveryGuarantee, Guarantee)
TO_KIND = _numbers(notification_pb2.TimelineEvent.Kind, Kind)
TO_OUTCOME = _numbers(notification_pb2.TimelineEvent.Outcome, Outcome)
TO_BREAKER = _numbers(provider_pb2.BreakerState, Breaker)
TO_OVERRIDE = _numbers(provider_pb2.BreakerOverride, BreakerOverride)

FROM_STATUS = _names(TO_STATUS)
FROM_PRIORITY = _names(TO_PRIORITY)
FROM_GUARANTEE = _names(TO_GUARANTEE)
FROM_OUTCOME = _names(TO_OUTCOME)
FROM_BREAKER = _names(TO_BREAKER)
FROM_OVERRIDE = _names(TO_OVERRIDE)
FROM_CAUSE = _names(_numbers(records_pb2.Cause, Cause))
FROM_REJECTION = _names(_numbers(records_pb2.Rejection, Rejection))
