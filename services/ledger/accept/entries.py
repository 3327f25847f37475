"""What is to be recorded, and whether it can be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter, gt
from typing import NamedTuple

from services.ledger.accept.entry_fallbacks import fallback_violations
from services.ledger.rules.delivery import Guarantee, Lane, Ref
from services.ledger.rules.fallbacks import Fallback
from shared.channel.table import Channel
from shared.errors import PulseError, Violation, invalid
from shared.ids import canonical_uuid

#: Most bytes in UTF-8 of each text. What is part of an index stays well below the 2,704 an index row can hold.
LONGEST = {
    "tenant_id": 256,
    "user_id": 1024,
    "template_name": 400,
    "recipient": 4096,
    "subject": 4096,
    "context_json": 256 * 1024,
    "idempotency_key": 1024,
    "locale": 64,
    "category": 256,
    "traceparent": 256,
}
#: The longest time in which others are collected into a digest, s.
LONGEST_DIGEST = 7 * 24 * 3600.0
#: Most bytes of what only the worker reads.
LARGEST_DOCUMENT = 256 * 1024
#: Most providers in a route.
LONGEST_ROUTE = 32
#: What waits longer leaves no time for what is counted from then on: quiet hours, fallbacks.
LATEST = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)

_REQUIRED = ("tenant_id", "user_id", "template_name", "channel", "lane", "route")
_required = attrgetter(*_REQUIRED)
_texts = attrgetter(*LONGEST)
# A character takes 1 to 4 bytes: a text of so few of them need not be encoded to tell that it fits.
_SURELY_FITS = tuple(most // 4 for most in LONGEST.values())


class Entry(NamedTuple):
    """A notification to be recorded, with all that was decided. Texts are empty where nothing was given."""

    tenant_id: str
    notification_id: str
    user_id: str
    template_name: str
    template_version: int
    recipient: str
    subject: str
    context_json: str
    idempotency_key: str
    fingerprint: bytes
    locale: str
    metadata: Mapping[str, str]
    category: str
    traceparent: str
    not_before: dt.datetime | None
    expires_at: dt.datetime | None
    #: None where the caller said nothing, or nothing known.
    channel: Channel | None
    lane: Lane | None
    guarantee: Guarantee
    route: Sequence[str]
    max_attempts: int
    decisions: Sequence[Mapping[str, str]]
    #: The recorder wakes a worker itself.
    dispatched: bool
    #: The channels that may take over, in order.
    fallbacks: Sequence[Fallback] = ()
    #: How long others of its kind are collected into it; 0: it is sent by itself.
    digest_seconds: float = 0.0
    #: What of it only the worker reads, as one document; empty if there is nothing.
    asked: bytes = b""

    @property
    def ref(self) -> Ref:
        return self.tenant_id, self.notification_id

    @property
    def key(self) -> tuple[str, str]:
        """Tenant and idempotency key."""
        return self.tenant_id, self.idempotency_key


def refusals(batch: Sequence[Entry], most_attempts: int) -> dict[int, PulseError]:
    """INVALID_ARGUMENT for each entry that cannot be stored, by its place in the batch; empty for nearly all."""
    said = {id(entry.decisions): entry.decisions for entry in batch}
    suspect = {each for each, decisions in said.items() if "\0" in "".join(_words(decisions))}
    refused = {}
    for at, entry in enumerate(batch):
        if (suspect and id(entry.decisions) in suspect) or not _is_plain(entry, most_attempts):
            found = _violations(entry, most_attempts)
            if found:
                refused[at] = invalid(found)
    return refused


def _is_plain(entry: Entry, most_attempts: int) -> bool:
    """True only if nothing keeps it from being stored, its decisions set aside; False says nothing."""
    texts, route, labels = _texts(entry), entry.route, entry.metadata
    return bool(
        all(_required(entry))
        and not any(map(gt, map(len, texts), _SURELY_FITS))
        and "\0" not in "".join((*texts, *route, *labels, *labels.values()))
        and canonical_uuid(entry.notification_id) == entry.notification_id
        and 1 <= entry.max_attempts <= most_attempts
        and len(route) <= LONGEST_ROUTE
        and (entry.not_before is None or entry.not_before < LATEST)
        and not entry.fallbacks
        and not entry.digest_seconds
        and not entry.asked
    )


def _violations(entry: Entry, most_attempts: int) -> list[Violation]:
    found = [Violation(name, "is required") for name in _REQUIRED if not getattr(entry, name)]
    if canonical_uuid(entry.notification_id) != entry.notification_id:
        found.append(Violation("notification_id", "must be a UUID"))
    if not 1 <= entry.max_attempts <= most_attempts:
        found.append(Violation("max_attempts", f"must be 1 to {most_attempts}"))
    if len(entry.route) > LONGEST_ROUTE:
        found.append(Violation("route", f"must have at most {LONGEST_ROUTE} providers"))
    if entry.not_before is not None and entry.not_before >= LATEST:
        found.append(Violation("not_before", f"must be before the year {LATEST.year}"))
    found += fallback_violations(entry.fallbacks)
    if not 0 <= entry.digest_seconds <= LONGEST_DIGEST:
        found.append(Violation("digest_window", f"must be at most {LONGEST_DIGEST:.0f} s"))
    if len(entry.asked) > LARGEST_DOCUMENT:
        found.append(Violation("asked", f"must be at most {LARGEST_DOCUMENT} bytes beside what has a bound of its own"))
    found += _too_long(entry)
    if _holds_nul(entry):
        found.append(Violation("entry", "must not contain NUL characters"))
    return found


def _too_long(entry: Entry) -> list[Violation]:
    texts = _texts(entry)
    if not any(map(gt, map(len, texts), _SURELY_FITS)):
        return []
    sizes = zip(LONGEST.items(), (len(text.encode()) for text in texts), strict=True)
    return [Violation(name, f"must be at most {most} bytes") for (name, most), size in sizes if size > most]


def _holds_nul(entry: Entry) -> bool:
    labels = (*entry.metadata, *entry.metadata.values())
    further = (part for fallback in entry.fallbacks for part in (fallback.to, *fallback.route))
    return "\0" in "".join((*_texts(entry), *entry.route, *labels, *_words(entry.decisions), *further))


def _words(decisions: Iterable[Mapping[str, str]]) -> Iterator[str]:
    return (part for decision in decisions for part in decision.values())
