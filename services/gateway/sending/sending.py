"""Sending, as every public interface does it: accept, submit; one request or many."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.router.v1 import router_service_pb2 as router_pb2
from services.gateway.door.auth import Caller
from services.gateway.door.headers import Headers
from services.gateway.sending.acceptance import Acceptance, Refused
from services.gateway.sending.member_traces import MemberTraces, tell
from services.gateway.sending.replays import Replays
from services.gateway.sending.submitter import SubmitAnswer, Submitter
from shared.errors import PulseError
from shared.observe import request_log, tracing
from shared.rpc.call_traces import UNTRACED, CallTraces

#: Longest that the requests of a batch are looked at before other calls have a turn, s.
_BREATH_SECONDS = 0.005


class Sending:
    """Accepts notifications for a caller."""

    def __init__(
        self, acceptance: Acceptance, submitter: Submitter, replays: Replays, traces: CallTraces = UNTRACED
    ) -> None:
        self._acceptance = acceptance
        self._submitter = submitter
        self._replays = replays
        self._traces = traces

    async def send(
        self, caller: Caller, request: api.SendNotificationRequest, headers: Headers
    ) -> router_pb2.SubmitResult:
        """The router's answer to one request, which may be a refusal; raises what was refused before it."""
        accepted = await self._acceptance.accept(caller, request, headers.idempotency_key, headers)
        if isinstance(accepted, Refused):
            [outcome] = await self._replays.reconsider([accepted])
            if isinstance(outcome, PulseError):
                raise outcome
            return outcome
        result = await self._submitter.one(accepted)
        request_log.note("notification_id", result.notification_id)
        span = tracing.current()
        if span is not None:
            tell(span, result)
        return result

    async def send_all(
        self,
        caller: Caller,
        requests: Sequence[api.SendNotificationRequest],
        headers: Headers,
        traceparents: Sequence[str] = (),
    ) -> list[SubmitAnswer]:
        """An outcome for each request, in order; one refused does not hold up the others.

        ``traceparents`` has one for each request, "" where it has none; empty: all are part of the call's trace.
        """
        members = MemberTraces(self._traces, headers, traceparents)
        outcomes: dict[int, SubmitAnswer] = {}
        submissions: dict[int, router_pb2.Submission] = {}
        refused: dict[int, Refused] = {}
        since = time.monotonic()
        for n, request in enumerate(requests):
            if time.monotonic() - since > _BREATH_SECONDS:
                await asyncio.sleep(0)
                since = time.monotonic()
            try:
                if traceparents:
                    with members.begin(n) as said:
                        accepted = await self._acceptance.accept(caller, request, (), said)
                else:
                    accepted = await self._acceptance.accept(caller, request, (), headers)
            except PulseError as error:
                outcomes[n] = _let_go(error)
                continue
            if isinstance(accepted, Refused):
                _let_go(accepted.error)
                refused[n] = accepted
            else:
                submissions[n] = accepted
        submitted, reconsidered = await asyncio.gather(
            self._submitter.many(list(submissions.values())), self._reconsider(list(refused.values()))
        )
        outcomes.update(zip(submissions, submitted, strict=True))
        outcomes.update(zip(refused, reconsidered, strict=True))
        answers = [outcomes[n] for n in range(len(requests))]
        members.end(answers)
        return answers

    async def _reconsider(self, refused: Sequence[Refused]) -> Sequence[SubmitAnswer]:
        """As the replays say; if they cannot be asked, that is the outcome of each of these alone."""
        try:
            return await self._replays.reconsider(refused)
        except PulseError as error:
            return [_let_go(error)] * len(refused)


def _let_go(error: PulseError) -> PulseError:
    """The error without the way it came: that holds on to the whole batch, which would be memory until the next search
    for cycles."""
    return error.with_traceback(None)
