"""Where an entry stands when it is accepted: what its time, its recipient and its digest make of it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from services.ledger.accept.entries import Entry
from services.ledger.rules.delivery import Lane
from services.ledger.rules.recipient_rules import Decision, Deferred, Go, Sending, Suppressed, Verdict, decision, rule
from services.ledger.rules.recipients import UNKNOWN, Profile
from services.ledger.rules.states import Status
from shared.channel.address_keys import address_key

_COLLECTS = decision("digest", "SCHEDULED", "it waits for others of its category, to be sent as one")
_AT_ONCE = decision("digest", "HIGH", "HIGH does not wait for others of its category")
_COLLAPSED = decision("digest", "SUPPRESSED", "it is told in the digest of an earlier one of its category")


class InitialState(NamedTuple):
    """Where it stands at acceptance."""

    status: Status
    ready_at: dt.datetime
    due_at: dt.datetime | None
    #: What was decided before, and here.
    decisions: Sequence[Mapping[str, str]]
    #: When its digest ends; None: it is sent by itself.
    digest_ends_at: dt.datetime | None = None
    #: Whoever records it wakes a worker for it: it needs no draw.
    drawn: bool = False

    def digest_columns(self, entry: Entry) -> dict[str, Any]:
        """What is recorded of ``entry`` and its digest; what is left out is NULL."""
        if not entry.digest_seconds:
            return {}
        if self.digest_ends_at is None:
            return {"tells_digest": True}
        return {
            "tells_digest": True,
            "digest": digest_of(entry),
            "digest_ends_at": self.digest_ends_at,
            "collapsed_decisions": [*self.decisions[:-1], _COLLAPSED],
        }


class Acceptance(NamedTuple):
    """When, and by which rules, entries are accepted."""

    now: dt.datetime
    #: Time a worker has to claim what its recorder wakes it for.
    redispatch_after: dt.timedelta
    #: Categories that preferences, unsubscriptions and quiet hours do not hold for.
    critical: frozenset[str] = frozenset()

    def of(self, entry: Entry, profile: Profile) -> InitialState:
        """Where ``entry`` stands, going by what is known of its recipient."""
        if profile is UNKNOWN and not entry.digest_seconds:
            return self._waiting(entry, max(entry.not_before or self.now, self.now), entry.decisions)
        ends_at = self._digest_end(entry)
        asked_at = ends_at or max(entry.not_before or self.now, self.now)
        verdict = self._verdict(entry, profile, asked_at)
        own = [_AT_ONCE] if entry.digest_seconds and entry.lane is Lane.HIGH else []
        decisions = [*entry.decisions, *own, *([] if isinstance(verdict, Go) else [verdict.decision])]
        if isinstance(verdict, Suppressed):
            return InitialState(Status.SUPPRESSED, self.now, None, decisions)
        ready_at = verdict.until if isinstance(verdict, Deferred) else asked_at
        if entry.expires_at is not None and isinstance(verdict, Deferred):
            # It ends there, and must be looked at to be ended.
            ready_at = min(ready_at, entry.expires_at)
        if ends_at is not None:
            return self._waiting(entry, ready_at, [*decisions, _COLLECTS])._replace(digest_ends_at=ready_at)
        return self._waiting(entry, ready_at, decisions)

    def _waiting(self, entry: Entry, ready_at: dt.datetime, decisions: Sequence[Decision]) -> InitialState:
        if ready_at > self.now:
            return InitialState(Status.SCHEDULED, ready_at, ready_at, decisions)
        if entry.dispatched:
            return InitialState(Status.QUEUED, ready_at, ready_at + self.redispatch_after, decisions, drawn=True)
        return InitialState(Status.QUEUED, ready_at, ready_at, decisions)

    def _verdict(self, entry: Entry, profile: Profile, at: dt.datetime) -> Verdict:
        assert entry.channel is not None  # noqa: S101 -- one that has none was refused
        assert entry.lane is not None  # noqa: S101
        critical = entry.category in self.critical
        verdict = rule(profile, Sending(entry.category, entry.channel, entry.recipient, entry.lane, critical), at)
        if isinstance(verdict, Suppressed) and entry.fallbacks:
            # Another channel may do: that is found out when it would be sent.
            return Go()
        return verdict

    def _digest_end(self, entry: Entry) -> dt.datetime | None:
        """None for what is sent by itself: its template says so, it has a time of its own, or it cannot wait."""
        if not entry.digest_seconds or entry.lane is Lane.HIGH:
            return None
        if entry.not_before is not None and entry.not_before > self.now:
            return None
        ends_at = self.now + dt.timedelta(seconds=entry.digest_seconds)
        return ends_at if entry.expires_at is None or ends_at < entry.expires_at else None


def digest_of(entry: Entry) -> bytes:
    """What entries of one tenant have in common that one digest tells: user, category, channel and address."""
    said = json.dumps([entry.user_id, entry.category, entry.channel, address_key(entry.channel, entry.recipient)])
    return hashlib.sha256(said.encode()).digest()
