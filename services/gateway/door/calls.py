"""The beginning of every public call: read the headers, know the caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc.aio

from services.gateway.door import headers
from services.gateway.door.auth import Caller, Door
from services.gateway.door.headers import Headers
from shared.errors import Code, PulseError
from shared.observe import request_log

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True)
class Entry:
    """Lets calls in."""

    door: Door

    def admit(self, context: Context, scope: str) -> tuple[Caller, Headers]:
        """The caller and what it said besides; UNAUTHENTICATED or PERMISSION_DENIED."""
        said = headers.read(context.invocation_metadata() or ())
        return self._known(said).require(scope), said

    def caller(self, context: Context, scope: str) -> Caller:
        """The caller alone."""
        return self.admit(context, scope)[0]

    def holder(self, context: Context) -> Caller:
        """Whoever calls, whatever the credential may do; UNAUTHENTICATED."""
        return self._known(headers.read(context.invocation_metadata() or ()))

    def _known(self, said: Headers) -> Caller:
        caller = self.door.admit(said)
        request_log.note("tenant", caller.tenant_id)
        return caller


def refuse_key_on_batch(said: Headers) -> None:
    """INVALID_ARGUMENT for an Idempotency-Key header on a batch: it could only be meant for one of many."""
    if said.idempotency_key:
        raise PulseError(
            Code.INVALID_ARGUMENT,
            "IDEMPOTENCY_KEY_ON_BATCH",
            "an Idempotency-Key header cannot stand for a batch",
            hint="give each request its own idempotency_key",
        )
