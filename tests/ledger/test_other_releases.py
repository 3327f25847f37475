"""During an upgrade another release writes words that this ledger does not know: it reads on, and leaves them alone."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

import pytest

from pulse.common.v1 import enums_pb2, limit_pb2, notification_pb2, provider_pb2, recipient_pb2
from pulse.ledger.v1 import ledger_reader_pb2 as reads
from pulse.ledger.v1 import records_pb2
from services.ledger.rules.delivery import Kind
from services.ledger.rules.states import IllegalTransition, Status, step
from shared.errors import Code, PulseError
from shared.rpc.channels import call
from shared.times import to_duration
from tests.ledger.calls import TENANT, Calls, Outcome, receipt, settlement, template
from tests.ledger.conftest import Database
from tests.ledger.following import Following, events

#: Where a notification's own row has a word, and a change by which it gets one that is not known.
FOREIGN: Mapping[str, str] = {
    "status": "UPDATE deliveries SET status = 'HELD'",
    "channel": "UPDATE deliveries SET channel = 'LETTER'",
    "lane": "UPDATE deliveries SET lane = 'MIDDLE'",
    "guarantee": "UPDATE deliveries SET guarantee = 'EXACTLY_ONCE'",
    "fallback": """UPDATE deliveries SET fallbacks =
        '[{"channel": "LETTER", "to": "", "route": ["post"], "after": 1}]'""",
    "early receipt": """UPDATE deliveries SET early_receipt =
        '{"status": "READ", "provider_message_id": "m-1", "code": "", "message": ""}'""",
}
#: A number that no enumeration has.
NEWER = 99


@pytest.fixture(autouse=True)
def next_release(database: Database) -> None:
    """The schema of a release that has more words."""
    for kind, word in {
        "status": "HELD",
        "channel": "LETTER",
        "lane": "MIDDLE",
        "guarantee": "EXACTLY_ONCE",
        "event_kind": "TELEPORTED",
        "outcome": "HALF_SENT",
    }.items():
        database.execute(f"ALTER TYPE {kind} ADD VALUE '{word}'")


def changed(database: Database, ref: records_pb2.NotificationRef, change: str) -> None:
    database.execute(f"{change} WHERE notification_id = '{ref.notification_id}'")


def rows(database: Database, refs: list[records_pb2.NotificationRef]) -> list[tuple]:
    """All of them but what a draw changes: the times of the next look, and that it was drawn."""
    ids = [ref.notification_id for ref in refs]
    state = "to_jsonb(d) - '{due_at,drawn}'::text[]"
    states = f"SELECT {state} FROM deliveries d WHERE notification_id = ANY(%s) ORDER BY notification_id"
    timelines = "SELECT to_jsonb(e) FROM events e WHERE notification_id = ANY(%s) ORDER BY notification_id, sequence"
    return [*database.rows(states, ids), *database.rows(timelines, ids)]


async def refusal(attempt: Awaitable[object]) -> Code:
    """The code with which it is refused."""
    with pytest.raises(PulseError) as refused:
        await attempt
    return refused.value.code


async def foreign(calls: Calls, database: Database, *names: str, **fields) -> list[records_pb2.NotificationRef]:
    """A notification for each of ``names`` (all), which another release changed so."""
    refs = [await calls.recorded(**fields) for _ in names or FOREIGN]
    for ref, name in zip(refs, names or FOREIGN, strict=True):
        changed(database, ref, FOREIGN[name])
    return refs


async def test_events_of_another_release_are_read_as_unspecified(calls: Calls, database: Database):
    for field, change in {
        "kind": "UPDATE events SET kind = 'TELEPORTED'",
        "status": "UPDATE events SET status = 'HELD'",
        "outcome": "UPDATE events SET outcome = 'HALF_SENT'",
    }.items():
        ref = await calls.recorded()
        changed(database, ref, change)
        (event,) = (await calls.get(ref)).timeline
        assert (event.sequence, getattr(event, field)) == (1, 0)
        ((behind,),) = [one.events for one in await events(calls, (ref, 0))]
        assert (behind.sequence, getattr(behind, field)) == (1, 0)


async def test_what_a_receipt_of_another_release_reported_is_told_as_unspecified(calls: Calls, database: Database):
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.SUCCEEDED, provider_message_id="m-1")
    await calls.receive(receipt(ref, enums_pb2.DELIVERED))
    database.execute("UPDATE events SET reported = 'HELD' WHERE reported IS NOT NULL")
    assert (await calls.get(ref)).timeline[-1].decisions[0].result == "UNSPECIFIED"
    (told,) = await calls.receive(receipt(ref, enums_pb2.DELIVERED))
    assert told.status == enums_pb2.DELIVERED


async def test_a_watch_goes_on_past_an_event_of_another_release(calls: Calls, database: Database):
    ref = await calls.recorded()
    async with Following(calls) as following:
        await following.follow(ref)
        await following.until(ref, 1)
        changed(database, ref, "UPDATE events SET kind = 'TELEPORTED'")
        await calls.cancel(ref)
        await following.until(ref, 2)
    assert [event.kind for event in (await calls.get(ref)).timeline] == [0, Outcome.Kind.CANCELLED]


SHOWN = {
    "status": lambda seen: seen.status,
    "channel": lambda seen: seen.channel,
    "lane": lambda seen: seen.priority,
    "guarantee": lambda seen: seen.delivery_guarantee,
    "fallback": lambda seen: seen.fallbacks[0].channel,
}


async def test_notifications_of_another_release_are_read_as_unspecified(calls: Calls, database: Database):
    refs, other = await foreign(calls, database, *SHOWN), await calls.recorded()
    listed = {one.notification_id: one for one in (await calls.page()).notifications}
    for ref, shown in zip(refs, SHOWN.values(), strict=True):
        assert shown(await calls.get(ref)) == 0
        assert shown(listed[ref.notification_id]) == 0
    assert listed[other.notification_id].status == enums_pb2.QUEUED


async def test_dead_letters_of_another_release_are_listed_and_not_replayed(calls: Calls, database: Database):
    names = ["channel", "lane", "guarantee", "fallback"]
    dead, *others = [await calls.recorded() for _ in (None, *names)]
    for claimed in await calls.claim(dead, *others):
        await calls.end(claimed, Outcome.PERMANENT_FAILURE, code="NO_SUCH_MAILBOX")
    for ref, name in zip(others, names, strict=True):
        changed(database, ref, FOREIGN[name])
    before = rows(database, others)
    assert len((await calls.dead_letters()).dead_letters) == 5
    assert (await calls.replay_many()).replayed == 1
    assert await calls.status(dead) == "QUEUED"
    for ref in others:
        assert await refusal(calls.replay(ref)) is Code.FAILED_PRECONDITION
    assert rows(database, others) == before


async def test_a_claim_leaves_alone_what_it_does_not_understand_and_takes_the_others(calls: Calls, database: Database):
    first, others, last = await calls.recorded(), await foreign(calls, database), await calls.recorded()
    before = rows(database, others)
    claimed = await calls.claim(first, *others, last)
    assert {one.ref.notification_id for one in claimed} == {first.notification_id, last.notification_id}
    assert rows(database, others) == before


async def test_what_another_release_changed_while_it_was_sent_is_settled_by_nobody_here(
    calls: Calls, database: Database, clock
):
    mine, *others = await calls.claim(*[await calls.recorded() for _ in (None, *FOREIGN)], lease=12)
    refs = [one.ref for one in others]
    for ref, name in zip(refs, FOREIGN, strict=True):
        changed(database, ref, FOREIGN[name])
    before = rows(database, refs)
    results = await calls.settle(*[settlement(one, Outcome.SUCCEEDED) for one in (mine, *others)])
    assert [(one.applied, one.status) for one in results] == [(True, enums_pb2.SENT), *[(False, 0)] * len(refs)]
    clock.advance(60)
    assert await calls.claim(*refs) == []
    told = await calls.receive(*[receipt(ref, enums_pb2.DELIVERED) for ref in refs])
    assert [(one.applied, one.status) for one in told] == [(False, 0)] * len(refs)
    assert rows(database, refs) == before


async def test_nobody_cancels_or_acknowledges_what_is_not_understood(calls: Calls, database: Database):
    refs = await foreign(calls, database)
    before = rows(database, refs)
    for ref in refs:
        for attempt in (calls.cancel, calls.acknowledge):
            assert await refusal(attempt(ref)) is Code.FAILED_PRECONDITION
    assert rows(database, refs) == before


async def test_a_draw_expires_the_others_and_leaves_alone_what_it_does_not_understand(
    calls: Calls, database: Database, clock
):
    ends = clock.now().replace(minute=1)
    others, mine = await foreign(calls, database, expires_at=ends), await calls.recorded(expires_at=ends)
    before = rows(database, others)
    clock.advance(120)
    await calls.draw()
    assert await calls.status(mine) == "EXPIRED"
    assert rows(database, others) == before


async def test_an_unknown_status_under_a_key_is_told_as_unspecified(calls: Calls, database: Database):
    entry = calls.entry("key-1")
    await calls.record(entry)
    changed(database, entry.ref, FOREIGN["status"])
    (again,) = await calls.record(calls.entry("key-1"))
    (known,) = await calls.lookup(("key-1", entry.fingerprint))
    for result in (again, known):
        assert (result.notification_id, result.status) == (entry.ref.notification_id, 0)


async def test_a_digest_is_not_passed_on_to_what_is_not_understood(calls: Calls, database: Database):
    window = to_duration(600)
    head, joined = [await calls.recorded(category="news", lane=enums_pb2.LOW, digest_window=window) for _ in range(2)]
    assert await calls.status(joined) == "SUPPRESSED"
    changed(database, joined, FOREIGN["channel"])
    before = rows(database, [joined])
    assert (await calls.cancel(head)).status == enums_pb2.CANCELLED
    assert rows(database, [joined]) == before


async def test_statistics_count_all_unknown_words_once(calls: Calls, database: Database):
    database.execute("ALTER TYPE status ADD VALUE 'PARKED'")
    refs = [await calls.recorded() for _ in range(3)]
    changed(database, refs[0], FOREIGN["status"])
    changed(database, refs[1], "UPDATE deliveries SET status = 'PARKED'")
    found = await call(calls.reader.GetStatistics, reads.GetStatisticsRequest(tenant_id=TENANT))
    counted = {(cell.status, cell.channel): cell.count for cell in found.cells}
    assert counted == {(0, enums_pb2.EMAIL): 2, (enums_pb2.QUEUED, enums_pb2.EMAIL): 1}
    assert len(found.cells) == 2


async def test_queue_depths_count_lanes_of_other_releases_together(calls: Calls, database: Database):
    database.execute("ALTER TYPE lane ADD VALUE 'IDLE'")
    refs = [await calls.recorded() for _ in range(3)]
    changed(database, refs[0], FOREIGN["lane"])
    changed(database, refs[1], "UPDATE deliveries SET lane = 'IDLE'")
    found = await call(calls.reader.GetQueueDepths, reads.GetQueueDepthsRequest(tenant_id=TENANT))
    due = [(depth.lane, depth.due) for depth in found.lanes]
    assert due == [(enums_pb2.HIGH, 1), (enums_pb2.LOW, 0), (0, 2)]


async def test_a_template_of_another_release_is_shown_without_what_is_not_known(calls: Calls, database: Database):
    await calls.create(template())
    database.execute(
        """UPDATE template_versions SET document = NULL, channel = 'LETTER', priority = 'MIDDLE', contents = contents ||
        '[{"channel": "LETTER", "locale": "", "subject": "", "body": "On paper", "html_body": ""}]'"""
    )
    got = await call(calls.reader.GetTemplate, reads.GetTemplateRequest(tenant_id=TENANT, name="welcome"))
    (listed,) = (
        await call(calls.reader.ListTemplates, reads.ListTemplatesRequest(tenant_id=TENANT, page_size=9))
    ).templates
    for shown in (got.template, listed):
        assert (shown.channel, shown.priority) == (0, 0)
        # As it would be for every channel, what is for an unknown one is left out.
        assert [content.body for content in shown.contents] == ["Hello {{ name }}"]


async def test_wishes_of_another_release_are_shown_and_hold_back_what_they_can(calls: Calls, database: Database):
    database.execute(
        f"""INSERT INTO preferences VALUES ('{TENANT}', 'user-1',
        '[{{"category": "", "channel": "LETTER", "enabled": false}}]', '', '', '', now())"""
    )
    asked = reads.GetPreferencesRequest(tenant_id=TENANT, user_id="user-1")
    shown = (await call(calls.reader.GetPreferences, asked)).preferences
    assert [(choice.channel, choice.enabled) for choice in shown.choices] == [(0, False)]
    ref = await calls.recorded()
    assert len(await calls.claim(ref)) == 1


async def test_a_suppression_for_an_unknown_reason_holds_and_one_by_an_unknown_channel_is_not_by_every_one(
    calls: Calls, database: Database
):
    for user, channel, status in (
        ("by-mail", "'EMAIL'", "SUPPRESSED"),
        ("by-all", "NULL", "SUPPRESSED"),
        ("by-letter", "'LETTER'", "SENDING"),
    ):
        ref = await calls.recorded(user_id=user)
        database.execute(
            f"INSERT INTO suppressions VALUES "
            f"('{TENANT}', '{user}', 'x', gen_random_uuid(), {channel}, '', '', 'COURT_ORDER', now())"
        )
        asked = reads.ListSuppressionsRequest(tenant_id=TENANT, user_id=user, page_size=10)
        (shown,) = (await call(calls.reader.ListSuppressions, asked)).suppressions
        assert shown.reason == recipient_pb2.Suppression.REASON_UNSPECIFIED
        await calls.claim(ref)
        assert await calls.status(ref) == status


async def test_providers_stand_as_far_as_they_are_known(calls: Calls, database: Database):
    await calls.exchange(
        provider_pb2.ProviderState(provider="smtp", channel=enums_pb2.EMAIL, breaker=provider_pb2.CLOSED)
    )
    database.execute("UPDATE provider_states SET breaker = 'THROTTLED', channel = 'LETTER'")
    await calls.override("smtp", provider_pb2.FORCED_CLOSED)
    database.execute("UPDATE provider_controls SET override = 'HALF_FORCED'")
    seen = (await calls.providers())["smtp"]
    assert (seen.breaker, seen.channel, seen.override) == (0, 0, 0)
    ref = await calls.recorded()
    assert len(await calls.claim(ref)) == 1


async def test_a_limit_of_an_unknown_kind_is_told_by_its_own_id(calls: Calls, database: Database):
    for id_ in ("per_moon:full", "per_moon:new"):
        database.execute(
            f"INSERT INTO limits VALUES ('', '{id_}', 'PER_MOON', '{id_[9:]}', 3, 60, 'ops', now(), NULL, 0)"
        )
    listed = await call(calls.reader.ListLimits, reads.ListLimitsRequest(tenant_id=TENANT, known_revision=-1))
    assert [(one.kind, one.limit_id) for one in listed.limits] == [
        (limit_pb2.Limit.KIND_UNSPECIFIED, "per_moon:full"),
        (limit_pb2.Limit.KIND_UNSPECIFIED, "per_moon:new"),
    ]


async def test_a_filter_that_is_not_known_is_refused_and_never_taken_for_all(calls: Calls):
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.PERMANENT_FAILURE)
    for field, ask in [
        ("statuses", calls.page(statuses=[NEWER])),
        ("statuses", calls.page(statuses=[enums_pb2.SENT, NEWER])),
        ("channel", calls.page(channel=NEWER)),
        ("filter.channel", calls.dead_letters(channel=NEWER)),
        ("filter.channel", calls.replay_many(channel=NEWER)),
        ("filter.channel", calls.replay_many(channel=NEWER, dry_run=True)),
    ]:
        with pytest.raises(PulseError) as refused:
            await ask
        assert refused.value.code is Code.INVALID_ARGUMENT
        assert [violation.field for violation in refused.value.violations] == [field]
    assert await calls.status(ref) == "FAILED"


async def test_entries_of_a_newer_router_are_refused_alone(calls: Calls):
    letter = records_pb2.RoutedFallback(channel=NEWER, to="x", route=["smtp"])
    newer = [{"delivery_guarantee": NEWER}, {"channel": NEWER}, {"lane": NEWER}, {"fallbacks": [letter]}]
    *refused, taken = await calls.record(*[calls.entry(**fields) for fields in newer], calls.entry())
    assert [one.error.code for one in refused] == [Code.INVALID_ARGUMENT.value] * len(newer)
    assert taken.status == enums_pb2.QUEUED


async def test_an_outcome_of_a_newer_worker_settles_nothing_and_the_others_are_settled(calls: Calls):
    first, second = await calls.claim(*[await calls.recorded() for _ in range(2)])
    results = await calls.settle(settlement(first, NEWER), settlement(second, Outcome.SUCCEEDED))
    assert [result.applied for result in results] == [False, True]
    assert await calls.status(first.ref) == "SENDING"


async def test_a_report_of_a_newer_delivery_service_changes_nothing(calls: Calls):
    ref = await calls.recorded()
    (claimed,) = await calls.claim(ref)
    await calls.end(claimed, Outcome.SUCCEEDED)
    (told,) = await calls.receive(receipt(ref, NEWER))
    assert not told.applied
    assert await calls.status(ref) == "SENT"


@pytest.mark.parametrize("status", list(Status))
def test_no_step_leads_to_or_from_what_is_not_known(status):
    for before, after in ((Status.UNSPECIFIED, status), (status, Status.UNSPECIFIED)):
        for falls_back in (False, True):
            with pytest.raises(IllegalTransition):
                step(before, after, falls_back=falls_back)


@pytest.mark.parametrize(
    "text", ["", "TELEPORTED", "accepted", "ACCEPTED ", "UNSPECIFIED", "KIND_UNSPECIFIED", "1", "\x00"]
)
def test_text_that_is_no_word_is_read_as_unspecified(text):
    assert Kind.read(text) is Kind.UNSPECIFIED


def test_every_known_word_is_read_as_itself():
    assert [Kind.read(kind.value) for kind in Kind.known()] == Kind.known()
    assert notification_pb2.TimelineEvent.Kind.keys()[1:] == [kind.value for kind in Kind.known()]
