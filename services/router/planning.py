"""Planning: from a submission and what was decided on it to the ledger's entry."""

from __future__ import annotations

from dataclasses import dataclass

from pulse.common.v1.notification_pb2 import Decision as DecisionMessage
from pulse.router.v1.router_service_pb2 import Submission
from services.router import wire
from services.router.decisions import Decision
from services.router.quota import Admitted, Claim, Limit, limit_reason, place_token, window_key
from services.router.recorder import Planned
from services.router.rulings import Ruling


@dataclass(frozen=True, slots=True)
class Candidate:
    """A submission and what the rules said of it."""

    submission: Submission
    channel: str
    ruling: Ruling

    def claim(self) -> Claim:
        """The wish for a place in its user's window."""
        said = self.submission
        return Claim(
            window_key(said.tenant_id, said.user_id, self.channel),
            place_token(said.tenant_id, said.idempotency_key, said.notification_id),
            counted=not said.validate_only,
            strict=self.channel == "SMS",
        )


class Planner:
    """Makes the ledger's entries for one batch; what was decided is put into words once for each ruling."""

    def __init__(self, limit: Limit, max_attempts: int) -> None:
        self._limit = limit
        self._max_attempts = max_attempts
        self._decided: dict[tuple[Ruling, str], list[DecisionMessage]] = {}

    def of(self, candidate: Candidate, verdict: Admitted) -> Planned:
        """The entry of a candidate that was admitted."""
        reason = limit_reason(self._limit, verdict)
        key = (candidate.ruling, reason)
        if key not in self._decided:
            limit = Decision("limit", "admitted", reason)
            self._decided[key] = wire.decisions((*candidate.ruling.decided, limit))
        entry = wire.entry(candidate.submission, candidate.ruling, self._decided[key], self._max_attempts)
        return Planned(entry, verdict.place, candidate.ruling.due)
