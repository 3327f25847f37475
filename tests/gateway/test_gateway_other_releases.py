"""A ledger that is a release ahead tells what this gateway does not know: it reads on, and sends nothing by it."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, notification_pb2, template_pb2
from pulse.gateway.v1 import compatibility_service_pb2 as original
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.gateway.v1 import template_service_pb2 as templates
from shared.errors import Code
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

#: A number that no enumeration of this release has.
NEWER: Any = 99


def newer_notification(**fields: Any) -> notification_pb2.Notification:
    """One with a status, channel and priority, and an event, that are not known."""
    event = notification_pb2.TimelineEvent(sequence=1, kind=NEWER, status=NEWER, outcome=NEWER)
    values = {"status": NEWER, "channel": NEWER, "priority": NEWER, "delivery_guarantee": NEWER, "timeline": [event]}
    fallback = notification_pb2.Fallback(channel=NEWER, to="x")
    return notification_pb2.Notification(notification_id=fakes.KNOWN_ID, fallbacks=[fallback], **(values | fields))


async def test_a_notification_is_passed_on_as_it_is(client: Client, peers: fakes.Peers) -> None:
    peers.know(newer_notification())
    asked = api.GetNotificationRequest(notification_id=fakes.KNOWN_ID)
    assert await client.notifications.GetNotification(asked) == newer_notification()
    listed = await client.notifications.ListNotifications(api.ListNotificationsRequest())
    assert list(listed.notifications) == [newer_notification()]


@pytest.mark.parametrize("fields", [{}, {"status": 0, "channel": 0}], ids=["newer", "unspecified"])
async def test_the_original_paths_show_it_as_pending_by_no_channel(
    client: Client, peers: fakes.Peers, fields: dict[str, Any]
) -> None:
    peers.know(newer_notification(**fields))
    one = await client.original.GetStatus(original.GetStatusRequest(notification_id=fakes.KNOWN_ID))
    listed = await client.original.List(original.ListRequest())
    for seen in (one, *listed.results):
        assert (seen.notification_id, seen.status, seen.channel) == (fakes.KNOWN_ID, "pending", "")


async def test_a_watch_tells_the_event_and_goes_on(client: Client, peers: fakes.Peers) -> None:
    peers.know(newer_notification())
    ref = "default", fakes.KNOWN_ID
    await peers.reader.timelines.happen(ref, NEWER)
    await peers.reader.timelines.happen(ref, enums_pb2.SENT, at_rest=True)
    watch = client.notifications.WatchNotification(api.WatchNotificationRequest(notification_id=fakes.KNOWN_ID))
    assert [answer.status async for answer in watch][-2:] == [NEWER, enums_pb2.SENT]


@pytest.mark.parametrize("channel", [NEWER, 0])
async def test_by_a_template_of_an_unknown_channel_one_sends_by_a_channel_that_is_named(
    client: Client, peers: fakes.Peers, channel: int
) -> None:
    peers.store(fakes.template("letter", channel, "Hello {{ name }}"))
    error = await refusal(client.send(template_name="letter"))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "UNKNOWN_CHANNEL")
    assert [violation.field for violation in error.violations] == ["channel"]
    assert (await client.send(template_name="letter", channel=enums_pb2.EMAIL)).notification_id
    old = original.SendRequest(user_id="u", template_name="letter", to="ada@example.com", subject="Hello")
    old.context.update({"name": "Ada"})
    assert (await refusal(client.original.Send(old))).reason == "UNKNOWN_CHANNEL"
    previewed = templates.PreviewTemplateRequest(name="letter")
    previewed.context.update({"name": "Ada"})
    assert (await refusal(client.templates.PreviewTemplate(previewed))).reason == "UNKNOWN_CHANNEL"
    previewed.draft.add(body="Hello {{ name }}")
    assert (await refusal(client.templates.PreviewTemplate(previewed))).reason == "UNKNOWN_CHANNEL"
    previewed.channel = enums_pb2.EMAIL
    assert (await client.templates.PreviewTemplate(previewed)).body == "Hello Ada"


async def test_what_a_template_says_by_an_unknown_channel_is_said_by_no_other(
    client: Client, peers: fakes.Peers
) -> None:
    template = fakes.template("letter", enums_pb2.EMAIL, "By mail")
    template.contents.insert(0, template_pb2.TemplateContent(channel=NEWER, body="On paper"))
    peers.store(template)
    asked = templates.PreviewTemplateRequest(name="letter")
    assert (await client.templates.PreviewTemplate(asked)).body == "By mail"
    kept = await client.templates.GetTemplate(templates.GetTemplateRequest(name="letter"))
    assert [content.channel for content in kept.contents] == [NEWER, 0]
    shown = await client.original.GetLegacyTemplate(original.GetLegacyTemplateRequest(name="letter"))
    assert shown.body_template == "By mail"
