"""What an SMS takes is told at the door, in the answer and in the timeline, and bounded if that is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.common.v1.saying_pb2 import SmsSize
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.gateway.v1.template_service_pb2 import PreviewTemplateRequest
from shared.errors import Code, PulseError
from shared.rpc.statuses import from_status
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal, request

SMS = {"template_name": "sms", "to": "+15551234567"}
POLISH = "ł" * 71


@pytest.fixture(autouse=True)
def templates(peers: fakes.Peers) -> None:
    bounded = fakes.template("bounded", enums_pb2.SMS, "{{ text }}")
    bounded.contents[0].sms.max_segments = 2
    plain = fakes.template("plain", enums_pb2.SMS, "{{ text }}")
    plain.contents[0].sms.transliterate = True
    mail = fakes.template("mail", enums_pb2.EMAIL, "{{ text }}", subject="Hello")
    peers.store(fakes.template("sms", enums_pb2.SMS, "{{ text }}"), bounded, plain, mail)


def told(size: SmsSize) -> tuple[int, str, str]:
    return size.segments, SmsSize.Encoding.Name(size.encoding), size.unicode_character


@pytest.mark.parametrize(
    ("text", "sms", "size", "result"),
    [
        ("Hi", {}, (1, "GSM_7", ""), "1 segment, GSM_7"),
        ("é" * 161, {}, (2, "GSM_7", ""), "2 segments, GSM_7"),
        (POLISH, {}, (2, "UCS_2", "ł"), "2 segments, UCS_2"),
        (POLISH, {"transliterate": True}, (1, "GSM_7", ""), "1 segment, GSM_7"),
        (POLISH, {"transliterate": False}, (2, "UCS_2", "ł"), "2 segments, UCS_2"),
        ("a" * 306, {"max_segments": 2}, (2, "GSM_7", ""), "2 segments, GSM_7"),
        (POLISH, {"transliterate": True, "max_segments": 1}, (1, "GSM_7", ""), "1 segment, GSM_7"),
    ],
)
async def test_the_answer_the_router_and_the_timeline_are_told(
    client: Client, peers: fakes.Peers, text: str, sms: dict[str, Any], size: tuple[int, str, str], result: str
) -> None:
    answer = await client.send(**SMS, context={"text": text}, sms=sms)
    (submission,) = peers.router.submissions
    assert told(answer.sms) == told(submission.sms_size) == size
    assert [(one.rule, one.result) for one in submission.decisions] == [("sms", result)]


@pytest.mark.parametrize(
    ("sign", "named"),
    [("ł", '"ł" (U+0142)'), ("\u200b", "U+200B"), ("\U0001f600", '"\U0001f600" (U+1F600)'), ("\t", "U+0009")],
)
async def test_of_what_the_caller_gave_one_character_alone_is_told(
    client: Client, peers: fakes.Peers, sign: str, named: str
) -> None:
    await client.send(**SMS, context={"text": f"Secret 4711{sign}"})
    (decision,) = peers.router.submissions[0].decisions
    assert named in decision.reason and "4711" not in decision.reason


async def test_an_sms_that_it_may_move_on_to_is_measured_too(client: Client) -> None:
    fallback = {"channel": enums_pb2.SMS, "to": SMS["to"]}
    asked = request(template_name="mail", to="a@example.com", context={"text": POLISH}, fallbacks=[fallback])
    assert told((await client.notifications.SendNotification(asked)).sms) == (2, "UCS_2", "ł")
    asked.sms.max_segments = 1
    assert (await refusal(client.notifications.SendNotification(asked))).reason == "SMS_TOO_MANY_SEGMENTS"


async def test_other_channels_and_replays_are_told_nothing(client: Client, peers: fakes.Peers) -> None:
    mail = await client.send(template_name="mail", to="a@example.com", context={"text": POLISH})
    assert not mail.HasField("sms") and not peers.router.submissions[0].HasField("sms_size")
    first = await client.send(**SMS, context={"text": "x"}, idempotency_key="k")
    again = await client.send(**SMS, context={"text": "x"}, idempotency_key="k")
    assert first.HasField("sms") and again.replayed and not again.HasField("sms")


@pytest.mark.parametrize(
    ("text", "fields", "segments", "most"),
    [
        ("a" * 161, {"sms": {"max_segments": 1}}, 2, 1),
        ("€" * 81, {"sms": {"max_segments": 1}}, 2, 1),
        ("a" * 160 + "ł", {"sms": {"max_segments": 2}}, 3, 2),
        ("\U0001f600" * 67, {"sms": {"max_segments": 2}}, 3, 2),
        ("\U0001f600" * 20, {"sms": {"max_segments": 1, "transliterate": True}}, 2, 1),
        ("a" * 307, {"template_name": "bounded"}, 3, 2),
        ("a" * 161, {"template_name": "bounded", "sms": {"max_segments": 1}}, 2, 1),
    ],
)
async def test_more_segments_than_may_be_are_refused_at_every_door_and_nothing_is_cut(
    client: Client, peers: fakes.Peers, text: str, fields: dict[str, Any], segments: int, most: int
) -> None:
    asked = request(**{**SMS, **fields}, context={"text": text})
    batch = await client.notifications.BatchSendNotifications(api.BatchSendNotificationsRequest(requests=[asked]))
    errors: list[PulseError] = [
        await refusal(client.notifications.SendNotification(asked)),
        await refusal(client.send(**{**SMS, **fields}, context={"text": text}, validate_only=True)),
        from_status(batch.results[0].error),
    ]
    assert {(error.code, error.reason) for error in errors} == {(Code.INVALID_ARGUMENT, "SMS_TOO_MANY_SEGMENTS")}
    assert errors[0].metadata == {"segments": str(segments), "max_segments": str(most)}
    assert f"{segments} segments" in errors[0].message and not peers.router.submissions


@pytest.mark.parametrize("most", [0, -1, 11])
async def test_a_bound_that_cannot_be_is_refused(client: Client, most: int) -> None:
    error = await refusal(client.send(**SMS, context={"text": "x"}, sms={"max_segments": most}))
    assert [one.field for one in error.violations] == ["sms.max_segments"]


async def test_a_request_may_allow_more_than_its_template(client: Client) -> None:
    asked = {**SMS, "template_name": "bounded", "context": {"text": "a" * 307}}
    assert (await client.send(**asked, sms={"max_segments": 3})).sms.segments == 3


async def test_each_of_a_batch_is_told_its_own(client: Client) -> None:
    requests = [request(**SMS, context={"text": text}) for text in ("x", POLISH)]
    answer = await client.notifications.BatchSendNotifications(api.BatchSendNotificationsRequest(requests=requests))
    assert [told(one.sms) for one in answer.results] == [(1, "GSM_7", ""), (2, "UCS_2", "ł")]


async def test_what_vanishes_in_the_short_alphabet_says_nothing(client: Client) -> None:
    error = await refusal(client.send(**SMS, context={"text": "\u0301\u0308"}, sms={"transliterate": True}))
    assert error.reason == "SMS_EMPTY"


async def test_what_grows_in_the_short_alphabet_is_measured_as_it_is_sent(client: Client) -> None:
    error = await refusal(client.send(**SMS, context={"text": "™" * 801}, sms={"transliterate": True}))
    assert error.reason == "SMS_TOO_LONG"


async def test_a_preview_shows_what_is_sent_and_what_it_takes(client: Client) -> None:
    preview = PreviewTemplateRequest(name="plain")
    preview.context.update({"text": "Łódź €"})
    shown = await client.templates.PreviewTemplate(preview)
    assert (shown.body, shown.sms_segments, shown.sms_unicode_character) == ("Lodz €", 1, "")
    preview = PreviewTemplateRequest(name="sms")
    preview.context.update({"text": POLISH})
    shown = await client.templates.PreviewTemplate(preview)
    assert (shown.body, shown.sms_segments, shown.sms_unicode_character) == (POLISH, 2, "ł")
