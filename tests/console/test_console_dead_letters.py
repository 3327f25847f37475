"""Dead letters are browsed and sent on their way again."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from pulse.common.v1 import enums_pb2

LIST = "/console/dead-letters"


async def test_dead_letters_are_listed_with_why_they_died(visitor, book):
    failure = {"code": "550", "message": "no such mailbox"}
    book.add(enums_pb2.FAILED, failure=failure)
    book.add(enums_pb2.SENT, user_id="bob")
    page = await visitor.get(LIST)
    assert "no such mailbox" in page.text
    assert ">bob<" not in page.text


async def test_filters_reach_the_api(visitor, book):
    await visitor.get(LIST, params={"channel": "email", "provider": "smtp", "failure_code": "550"})
    wanted = book.requests[-1].filter
    assert (wanted.channel, wanted.provider, wanted.failure_code) == (enums_pb2.EMAIL, "smtp", "550")


async def test_those_that_were_picked_are_replayed_and_no_others(visitor, book):
    picked, left = book.add(enums_pb2.FAILED), book.add(enums_pb2.FAILED)
    page = await visitor.submit(f"{LIST}/replay", {"notification_id": [picked.notification_id]}, page=LIST)
    assert "1 notification is on the way again" in page.text
    assert (picked.status, left.status) == (enums_pb2.QUEUED, enums_pb2.FAILED)
    assert picked.notification_id not in page.text


async def test_one_that_cannot_be_replayed_does_not_hold_up_the_others(visitor, book):
    dead = book.add(enums_pb2.FAILED)
    unknown = "01a20422-eb7d-7700-b196-63fac5a43a6e"
    picked = {"notification_id": [unknown, dead.notification_id]}
    page = await visitor.submit(f"{LIST}/replay", picked, page=LIST)
    assert dead.status == enums_pb2.QUEUED
    assert "NOTIFICATION_NOT_FOUND" in page.text
    assert "1 notification is on the way again" in page.text


async def test_all_that_match_are_counted_before_any_is_replayed(visitor, book):
    dead = [book.add(enums_pb2.FAILED), book.add(enums_pb2.FAILED)]
    page = await visitor.submit(f"{LIST}/replay-all", {"rate": "50", "channel": "EMAIL"}, page=LIST)
    assert book.asked("ReplayDeadLettersRequest").dry_run
    assert "<strong>2</strong> dead letters match (channel: EMAIL)" in page.text
    assert "Replay 2" in page.text
    assert all(one.status == enums_pb2.FAILED for one in dead)


async def test_what_was_counted_is_replayed_once_that_is_confirmed(visitor, book):
    dead = book.add(enums_pb2.FAILED)
    counted = await visitor.submit(f"{LIST}/replay-all", {"rate": "50", "within": "day"}, page=LIST)
    until = re.search(r'name="until" value="([^"]+)"', counted.text)[1]
    page = await visitor.submit(f"{LIST}/replay-all", {"rate": "50", "within": "day", "until": until}, page=LIST)
    asked = book.asked("ReplayDeadLettersRequest")
    assert (asked.dry_run, asked.rate_per_second) == (False, 50)
    died_before = asked.filter.died_before.ToDatetime(tzinfo=dt.UTC)
    assert died_before == dt.datetime.fromisoformat(until)
    assert died_before - asked.filter.died_after.ToDatetime(tzinfo=dt.UTC) == dt.timedelta(days=1)
    assert "1 of 1 is on the way again" in page.text
    assert dead.status == enums_pb2.QUEUED


async def test_when_nothing_matches_there_is_nothing_to_confirm(visitor):
    page = await visitor.submit(f"{LIST}/replay-all", {"rate": "50"}, page=LIST)
    assert "nothing matches" in page.text
    assert 'name="until"' not in page.text


@pytest.mark.parametrize(
    ("rate", "said"), [("fast", "must be a whole number"), ("", "must be a whole"), ("10001", "must be at most 10,000")]
)
async def test_a_rate_that_cannot_be_is_said_at_its_field(visitor, book, rate, said):
    book.add(enums_pb2.FAILED)
    page = await visitor.submit(f"{LIST}/replay-all", {"rate": rate}, page=LIST)
    assert page.status_code == 400
    assert f'id="fault-rate" role="alert">{said}' in page.text


@pytest.mark.parametrize("fields", [{"within": "century"}, {"channel": "PIGEON"}])
async def test_a_filter_that_there_is_not_replays_nothing(visitor, book, fields):
    page = await visitor.submit(f"{LIST}/replay-all", {"rate": "50", **fields}, page=LIST)
    assert page.status_code == 400
    assert "BAD_FILTER" in page.text
    assert book.asked("ReplayDeadLettersRequest") is None


async def test_a_count_whose_time_was_changed_is_refused(visitor):
    page = await visitor.submit(f"{LIST}/replay-all", {"rate": "50", "until": "tomorrow"}, page=LIST)
    assert "BAD_FORM" in page.text
