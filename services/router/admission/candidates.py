"""Candidates: submissions on their way through admission, each with what was decided on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pulse.router.v1.router_service_pb2 import Submission
from services.router import wire
from services.router.rules.decisions import Decision
from services.router.rules.quota import (
    Admitted,
    ApplicableLimits,
    Kind,
    QuotaRequest,
    Reservation,
    address_key,
    limit_reason,
    reservation_token,
    window_key,
)
from services.router.rules.rulings import Ruling
from shared.channel.table import Channel


class MaxAttempts(NamedTuple):
    """How often a notification is tried at the most."""

    general: int
    #: By email alone: mail servers are away for hours, and another channel must not wait for them.
    email: int

    def of(self, channels: Sequence[Channel]) -> int:
        """For one that may go by ``channels``, in their order."""
        return self.email if len(channels) == 1 and channels[0].facts.patient else self.general


@dataclass(slots=True, eq=False)
class Case:
    """What the rules say of all submissions of a batch that differ in nothing that rules look at."""

    channels: tuple[Channel, ...]
    ruling: Ruling
    applicable: ApplicableLimits
    max_attempts: int
    _decided: dict[object, bytes] = field(default_factory=dict)

    @property
    def priced(self) -> bool:
        """Whether one of its channels costs money: it does not go uncounted."""
        return any(channel.facts.priced for channel in self.channels)

    def decided(self, verdict: Admitted) -> bytes:
        """What an entry says of it once it was admitted; put into words once for all that stand alike."""
        state = verdict.state
        alike = (state.bound, state.remaining, verdict.reservation is not None, verdict.local)
        decided = self._decided.get(alike)
        if decided is None:
            limit = Decision("limit", "admitted", limit_reason(self.applicable, verdict))
            said = (*self.ruling.decided, limit)
            decided = self._decided[alike] = wire.decided(self.ruling, said, self.max_attempts)
        return decided


@dataclass(slots=True)
class Candidate:
    """A submission and its case; once it was admitted, its reservation (None: none) and what its entry says of that."""

    submission: Submission
    case: Case
    reservation: Reservation | None = None
    decided: bytes = b""

    def quota_request(self) -> QuotaRequest:
        """The request for one admission under each of its limits."""
        said, asked = self.submission, self.submission.asked
        tenant_id = said.tenant_id
        keys = []
        for bound in self.case.applicable.bounds:
            if bound.kind is Kind.USER_CHANNEL:
                keys.append(window_key(tenant_id, asked.user_id, bound.channel, bound.template))
            else:
                keys.append(bound.key or address_key(tenant_id, bound.channel, self._address(bound.channel)))
        token = reservation_token(tenant_id, asked.idempotency_key, said.notification_id)
        return QuotaRequest(self.case.applicable, tuple(keys), token, not said.validate_only, self.case.priced)

    def admit(self, verdict: Admitted) -> None:
        """It may go."""
        self.reservation = verdict.reservation
        self.decided = self.case.decided(verdict)

    def _address(self, channel: str) -> str:
        if channel == self.case.channels[0]:
            return self.submission.asked.to
        return next(to.address for to in wire.addresses(self.submission) if to.channel == channel)
