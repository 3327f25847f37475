"""Submissions as the gateway sends them."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

from google.rpc.status_pb2 import Status as RpcStatus

from pulse.common.v1.asked_pb2 import Asked
from pulse.common.v1.enums_pb2 import Channel
from pulse.router.v1.router_service_pb2 import Submission
from shared.errors import PulseError
from shared.ids import uuid7
from shared.rpc.statuses import from_status

_users = itertools.count()


def submission(channel: str = "EMAIL", user: str | None = None, **changes: Any) -> Submission:
    """A valid submission; for a user of its own unless ``user`` says whose."""
    asked: dict[str, Any] = {
        "user_id": user or f"user-{next(_users)}",
        "template_name": "newsletter",
        "template_version": 3,
        "channel": Channel.Value(channel),
        "to": "someone@example.com",
        "context_json": '{"name":"Ada"}',
    }
    asked |= {name: changes.pop(name) for name in [*changes] if name in Asked.DESCRIPTOR.fields_by_name}
    values = {"notification_id": uuid7(dt.datetime.now(dt.UTC)), "tenant_id": "acme", "fingerprint": b"f" * 32}
    return Submission(asked=Asked(**asked), **(values | changes))


def error_of(result: Any) -> PulseError:
    """The error of a refused submission."""
    assert result.HasField("error"), "it was not refused"
    status: RpcStatus = result.error
    return from_status(status)
