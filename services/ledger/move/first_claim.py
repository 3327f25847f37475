"""First claims: what a waiting worker may send is claimed in the transaction that records it.

What is being recorded is known, so that nothing of it is read: only what operators decided, and the devices of pushes
that name none. What a recipient wants was read by who records it, in the same transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from services.ledger.accept import recorded
from services.ledger.accept.entries import Entry
from services.ledger.accept.entry_columns import Draft
from services.ledger.move.batch_state import BatchState
from services.ledger.move.claim import CONTROLS, Claimant, Claimer, Target
from services.ledger.move.content import AROUND_DEVICE, MOST_BYTES, Content
from services.ledger.move.transaction import Read, Reading, Rows, Transactions
from services.ledger.postgres import rows
from services.ledger.postgres.postgres import Connection
from services.ledger.rules.delivery import Change, Delivery, Ref
from services.ledger.rules.devices import LiveDevice, live
from services.ledger.rules.recipient_gate import Recipient
from services.ledger.rules.recipients import UNKNOWN, Profile
from services.ledger.rules.states import Status
from shared.clock import Clock

#: Tenant and user id.
User = tuple[str, str]

# The devices of each user, the one registered last first.
_DEVICES = """
SELECT r.tenant_id, r.user_id, t.device_token_id::text, t.token, t.kind
FROM json_to_recordset(%(users)s::json) AS r(tenant_id text, user_id text)
CROSS JOIN LATERAL (
    SELECT device_token_id, token, kind FROM device_tokens
    WHERE tenant_id = r.tenant_id AND user_id = r.user_id ORDER BY updated_at DESC, device_token_id LIMIT 100
) t
"""


def _devices(found: Rows) -> dict[User, list[LiveDevice]]:
    devices: dict[User, list[LiveDevice]] = {}
    for tenant, user, *device in found:
        devices.setdefault((tenant, user), []).extend(live([device]))
    return devices


DEVICES = Read(_DEVICES, _devices)


class Recording(NamedTuple):
    """What of a statement's entries the worker would send, and what is known and being read of who it is for."""

    drafts: Sequence[Draft]
    profiles: Mapping[User, Profile]
    reading: Reading


class FirstClaim:
    """For one worker, of one batch that is recorded: ``wanted`` is what of it the worker would send."""

    def __init__(
        self, transactions: Transactions, claimer: Claimer, clock: Clock, claimant: Claimant, wanted: Collection[Ref]
    ) -> None:
        self._transactions = transactions
        self._claimer = claimer
        self._clock = clock
        self._claimant = claimant
        self._wanted = frozenset(wanted)
        self._found: list[tuple[Delivery, Content]] = []
        self._changes: list[Change] = []
        #: What was claimed and committed.
        self.claimed: dict[Ref, tuple[Delivery, Content]] = {}

    def restart(self) -> None:
        """A transaction begins; what was claimed in one before is undone."""
        self._found, self._changes = [], []

    async def begin(
        self, connection: Connection, drafts: Sequence[Draft], profiles: Mapping[User, Profile]
    ) -> Recording | None:
        """Told when ``drafts`` are being recorded, of whose users ``profiles`` are known, before it is known which are.

        In a pipeline it waits for nothing.
        """
        wanted = [draft for draft in drafts if draft.ref in self._wanted and not draft.entry.digest_seconds]
        if not wanted:
            return None
        users = {_user(one.entry) for one in wanted if not one.entry.recipient}
        asked = {"users": rows.encode({"tenant_id": tenant, "user_id": user} for tenant, user in sorted(users))}
        reading = await Reading.begin(connection, asked, [CONTROLS, DEVICES] if users else [CONTROLS])
        return Recording(wanted, profiles, reading)

    async def claim(
        self, connection: Connection, recording: Recording, unrecorded: Collection[Ref], accepted_at: dt.datetime
    ) -> None:
        """Claims what was recorded."""
        found = await recording.reading.fetch()
        devices = found[DEVICES]
        drafts = _light([draft for draft in recording.drafts if _is_to_be_sent(draft, unrecorded)], devices)
        entries = {draft.ref: draft.entry for draft in drafts}
        stored = {draft.ref: recorded.delivery(draft, accepted_at) for draft in drafts}
        held, now = BatchState(stored.values(), stored), self._clock.now()

        def find(ref: Ref) -> Recipient:
            entry = entries[ref]
            profile = recording.profiles.get(_user(entry), UNKNOWN)
            own = devices.get(_user(entry), ())
            return self._claimer.recipient(
                self._claimant, entry.category, entry.recipient, profile, own, entry.asked or None
            )

        for delivery, target in self._claimer.decide_first(self._claimant, held, find, found[CONTROLS], now):
            self._found.append((delivery, _content(entries[delivery.ref], target, accepted_at)))
        self._changes += await self._transactions.write_within(connection, held, now)

    def committed(self) -> None:
        """The transaction was."""
        self.claimed |= {delivery.ref: (delivery, its) for delivery, its in self._found}
        self._transactions.wake(self._changes)


def _is_to_be_sent(draft: Draft, unrecorded: Collection[Ref]) -> bool:
    return draft.state.status is Status.QUEUED and draft.ref not in unrecorded


def _light(drafts: Sequence[Draft], devices: Mapping[User, Sequence[LiveDevice]]) -> list[Draft]:
    """As many as one answer holds, as of a claim."""
    taken, weight = [], 0
    for draft in drafts:
        labels = draft.entry.metadata
        weight += 4 * len(draft.entry.context_json) + len(draft.entry.asked)
        weight += 4 * sum(map(len, (*labels, *labels.values()))) if labels else 0
        if devices and not draft.entry.recipient:
            weight += sum(AROUND_DEVICE + len(one.token) for one in devices.get(_user(draft.entry), ()))
        if weight <= MOST_BYTES:
            taken.append(draft)
    return taken


def _user(entry: Entry) -> User:
    return entry.tenant_id, entry.user_id


def _content(entry: Entry, target: Target, accepted_at: dt.datetime) -> Content:
    """As it is read of what was recorded, without what is known of its recipient."""
    return Content(
        tenant_id=entry.tenant_id,
        notification_id=entry.notification_id,
        user_id=entry.user_id,
        recipient=target.address,
        subject=entry.subject,
        context_json=entry.context_json,
        template_name=entry.template_name,
        template_version=entry.template_version,
        locale=entry.locale,
        traceparent=entry.traceparent,
        created_at=accepted_at,
        category=entry.category,
        asked=entry.asked or None,
        tells_digest=False,
        metadata=entry.metadata or None,
        bytes=0,
        preferences=None,
        suppressions=None,
        devices=None,
        targets=target.devices,
    )
