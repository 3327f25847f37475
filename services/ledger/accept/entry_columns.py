"""Entries, and where they stand, as the statements that record them take them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from services.ledger.accept.entries import Entry
from services.ledger.accept.entry_fallbacks import first_fallback
from services.ledger.accept.initial_state import InitialState
from services.ledger.postgres.columns import (
    BOOLEAN,
    BYTES,
    INTEGER,
    JSON,
    JSONB,
    TEXT,
    TEXTS,
    TIME,
    UUID,
    Batch,
    Column,
    Kind,
    batch,
)
from services.ledger.rules.delivery import Ref


class Draft(NamedTuple):
    """An entry, where it stands, and what settings make of it."""

    entry: Entry
    state: InitialState
    max_attempts: int
    key_expires_at: dt.datetime

    @property
    def ref(self) -> Ref:
        return self.entry.ref


#: What each has for itself.
_OWN: Mapping[str, Kind] = {
    "tenant_id": TEXT,
    "notification_id": UUID,
    "user_id": TEXT,
    "recipient": TEXT,
    "context_json": TEXT,
    "idempotency_key": TEXT,
    "fingerprint": BYTES,
    "traceparent": TEXT,
}
#: What many have in common, by their template and their caller.
_COMMON: Mapping[str, Kind] = {
    "template_name": TEXT,
    "template_version": INTEGER,
    "subject": TEXT,
    "locale": TEXT,
    "metadata": JSON,
    "category": TEXT,
    "channel": TEXT.as_("channel"),
    "lane": TEXT.as_("lane"),
    "guarantee": TEXT.as_("guarantee"),
    "route": TEXTS,
    "max_attempts": INTEGER,
    "decisions": JSON,
}
#: What few have differently from the others.
_TIMES: Mapping[str, Kind] = {
    "not_before": TIME,
    "expires_at": TIME,
    "status": TEXT.as_("status"),
    "due_at": TIME,
    "ready_at": TIME,
    "fallbacks": JSONB,
    "fallback_at": TIME,
    "key_expires_at": TIME,
    "drawn": BOOLEAN,
}
_ASKED: Mapping[str, Kind] = {"asked": BYTES}
_DIGESTS: Mapping[str, Kind] = {
    "digest": BYTES,
    "digest_ends_at": TIME,
    "collapsed_decisions": JSON,
    "tells_digest": BOOLEAN,
}


def plain(drafts: Sequence[Draft]) -> Batch:
    """Of entries none of which has to do with a digest."""
    values = _values(drafts)
    return batch("", *(_columns(names, values) for names in (_OWN, _COMMON, _TIMES, _ASKED)))


def considered(drafts: Sequence[Draft]) -> Batch:
    """Of others, with what their digests need."""
    values = _values(drafts) | _by_name([one.state.digest_columns(one.entry) for one in drafts], _DIGESTS)
    return batch("", *(_columns(names, values) for names in (_OWN, _COMMON, _TIMES, _ASKED, _DIGESTS)))


def _values(drafts: Sequence[Draft]) -> dict[str, Sequence[Any]]:
    entries, states, most_attempts, keys_expire_at = zip(*drafts, strict=True)
    values: dict[str, Sequence[Any]] = dict(zip(Entry._fields, zip(*entries, strict=True), strict=True))
    values |= zip(InitialState._fields, zip(*states, strict=True), strict=True)
    values |= {"max_attempts": most_attempts, "key_expires_at": keys_expire_at}
    if any(values["fallbacks"]):
        values |= _by_name([_first_fallback(*one[:2]) for one in drafts], ("fallbacks", "fallback_at", "due_at"))
    else:
        values["fallbacks"] = values["fallback_at"] = [None] * len(drafts)
    # What is empty becomes NULL.
    return values | {name: [value or None for value in values[name]] for name in ("asked", "drawn")}


def _first_fallback(entry: Entry, state: InitialState) -> Mapping[str, Any]:
    if entry.fallbacks and state.due_at is not None:
        return first_fallback(entry.fallbacks, state.ready_at, state.due_at)
    return {"due_at": state.due_at}


def _by_name(rows: Sequence[Mapping[str, Any]], names: Iterable[str]) -> dict[str, Sequence[Any]]:
    return {name: [row.get(name) for row in rows] for name in names}


def _columns(names: Mapping[str, Kind], values: Mapping[str, Sequence[Any]]) -> list[Column]:
    return [(name, kind, values[name]) for name, kind in names.items()]
