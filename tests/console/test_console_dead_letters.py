"""Dead letters are browsed and sent on their way again."""

from __future__ import annotations

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
