"""Turns away whoever may not call what it calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc.aio

from shared.errors import Code, PulseError
from shared.rpc.callers import may_call
from shared.rpc.identity import role_of

Admit = Callable[[str, grpc.aio.ServicerContext[Any, Any]], None]


def admit(method: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
    """PERMISSION_DENIED unless the certificate that the caller showed, and gRPC checked, may call ``method``."""
    role = role_of(context.auth_context())
    if not may_call(role, method):
        raise PulseError(
            Code.PERMISSION_DENIED,
            "CALLER_NOT_ALLOWED",
            f"{role or 'a caller without a role'} may not call {method}",
            metadata={"caller": role, "method": method},
        )


def let_in(method: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
    """For servers in the clear: nobody shows who he is."""
