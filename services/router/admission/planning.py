"""Planning: from a submission and what was decided on it to the ledger's entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pulse.common.v1.notification_pb2 import Decision as DecisionMessage
from pulse.router.v1.router_service_pb2 import Submission
from services.router import wire
from services.router.admission.recorder import Planned
from services.router.rules.decisions import Decision
from services.router.rules.quota import (
    Admitted,
    ApplicableLimits,
    Bound,
    Kind,
    QuotaRequest,
    address_key,
    limit_reason,
    reservation_token,
    window_key,
)
from services.router.rules.rulings import Ruling
from shared.channel.table import Channel


@dataclass(frozen=True, slots=True)
class Candidate:
    """A submission, what the rules said of it, and the limits it counts in."""

    submission: Submission
    channels: tuple[Channel, ...]
    ruling: Ruling
    applicable: ApplicableLimits

    def quota_request(self) -> QuotaRequest:
        """The request for one admission under each of its limits."""
        said = self.submission
        return QuotaRequest(
            self.applicable,
            tuple([self._key(bound) for bound in self.applicable.bounds]),
            reservation_token(said.tenant_id, said.asked.idempotency_key, said.notification_id),
            counted=not said.validate_only,
            strict=any(channel.facts.priced for channel in self.channels),
        )

    def _key(self, bound: Bound) -> str:
        """Under what ``bound`` counts it."""
        said = self.submission
        if bound.kind is Kind.USER_CHANNEL:
            return window_key(said.tenant_id, said.asked.user_id, bound.channel, bound.template)
        return bound.key or address_key(said.tenant_id, bound.channel, self._address(bound.channel))

    def _address(self, channel: str) -> str:
        return next(to.address for to in wire.addresses(self.submission) if to.channel == channel)


class MaxAttempts(NamedTuple):
    """How often a notification is tried at the most."""

    general: int
    #: By email alone: mail servers are away for hours, and another channel must not wait for them.
    email: int

    def of(self, channels: Sequence[Channel]) -> int:
        """For one that may go by ``channels``, in their order."""
        return self.email if len(channels) == 1 and channels[0].facts.patient else self.general


class Planner:
    """Makes the ledger's entries for one batch; what was decided is put into words once for each ruling."""

    def __init__(self, attempts: MaxAttempts) -> None:
        self._attempts = attempts
        self._decided: dict[object, list[DecisionMessage]] = {}

    def of(self, candidate: Candidate, verdict: Admitted) -> Planned:
        """The entry of a candidate that was admitted."""
        state, costs = verdict.state, verdict.reservation is not None
        alike = (candidate.ruling, candidate.applicable, state.bound, state.remaining, costs, verdict.local)
        decided = self._decided.get(alike)
        if decided is None:
            limit = Decision("limit", "admitted", limit_reason(candidate.applicable, verdict))
            decided = self._decided[alike] = wire.decisions((*candidate.ruling.decided, limit))
        entry = wire.entry(candidate.submission, candidate.ruling, decided, self._attempts.of(candidate.channels))
        return Planned(entry, verdict.reservation, candidate.ruling.due)
