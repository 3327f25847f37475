"""A gateway that is a release ahead names what this client does not know: it reads UNSPECIFIED, and goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from typing import Any

import pytest
from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from pulse.common.v1 import (
    enums_pb2,
    fragment_pb2,
    limit_pb2,
    notification_pb2,
    provider_pb2,
    recipient_pb2,
    template_pb2,
)
from pulse.gateway.v1 import notification_service_pb2, operations_service_pb2
from pulse_client import Channel, Client, Priority, Template, TemplateContent, read, read_operations, read_recipients
from pulse_client.fragments import read as read_fragment
from tests.client.fake_gateway import FakeGateway
from tests.support import newer_template

#: A number that no enumeration has.
NEWER = 99

READERS: list[tuple[Callable[[Any], Any], type[Message]]] = [
    (read.sent, notification_service_pb2.SendNotificationResponse),
    (read.result, notification_service_pb2.BatchSendResult),
    (read.notification, notification_pb2.Notification),
    (read.event, notification_pb2.TimelineEvent),
    (read.template, template_pb2.Template),
    (read.queue_depths, operations_service_pb2.GetQueueDepthsResponse),
    (read.statistics, operations_service_pb2.GetStatisticsResponse),
    (read_operations.limit, limit_pb2.Limit),
    (read_operations.provider, provider_pb2.ProviderState),
    (read_recipients.preferences, recipient_pb2.Preferences),
    (read_recipients.suppression, recipient_pb2.Suppression),
    (read_recipients.device_token, recipient_pb2.DeviceToken),
    (read_fragment.fragment, fragment_pb2.Fragment),
]


def newer(kind: type[Message]) -> Message:
    """A message whose every enumeration, at any depth, has a number that is not known."""
    made = kind()
    for field in kind.DESCRIPTOR.fields:
        if field.type == FieldDescriptor.TYPE_ENUM:
            setattr(made, field.name, NEWER)
        elif _is_message(field):
            inner = newer(field.message_type._concrete_class)
            part = getattr(made, field.name)
            part.add().CopyFrom(inner) if field.is_repeated else part.CopyFrom(inner)
    return made


def _is_message(field: FieldDescriptor) -> bool:
    """Whether it holds messages of the contract."""
    kind = field.message_type
    return kind is not None and kind.full_name.startswith("pulse.") and not kind.GetOptions().map_entry


def names(value: Any) -> Iterator[StrEnum]:
    """Every name of a closed set in what was read."""
    if isinstance(value, StrEnum):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from names(getattr(value, field.name))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from names(one)


@pytest.mark.parametrize(("reader", "kind"), READERS, ids=[kind.__name__ for _, kind in READERS])
def test_every_answer_is_read(reader: Callable[[Any], Any], kind: type[Message]) -> None:
    assert {str(name) for name in names(reader(newer(kind)))} <= {"UNSPECIFIED"}


def test_a_status_that_is_not_known_has_not_ended(gateway: FakeGateway, client: Client) -> None:
    sent = client.send(user_id="ann", template="hello", to="ann@example.com")
    gateway.notifications.happen(sent.notification_id, NEWER)
    seen = client.get(sent.notification_id)
    assert (seen.status, seen.timeline[-1].status) == ("UNSPECIFIED", "UNSPECIFIED")
    assert seen.status.is_under_way
    assert not seen.status.is_success
    assert [one.notification_id for one in client.list()] == [sent.notification_id]


def test_what_is_not_known_of_a_template_is_kept_when_it_is_changed(gateway: FakeGateway, client: Client) -> None:
    gateway.templates.stored["letter"] = newer_template.make()
    read = client.get_template("letter")
    assert (read.priority, read.contents[1].channel) == ("UNSPECIFIED", "UNSPECIFIED")
    texts = tuple(replace(content, body="Changed") for content in read.contents)
    client.update_template(replace(read, category="news", contents=texts))
    expected = newer_template.make(body="Changed")
    expected.category, expected.version = "news", 2
    assert gateway.templates.stored["letter"] == expected


def test_what_a_content_says_beside_its_texts_is_kept_when_these_are_changed(
    gateway: FakeGateway, client: Client
) -> None:
    stored = newer_template.make()
    stored.contents[0].push.data["order"] = "{{ id }}"
    stored.contents[0].email.reply_to = "help@example.com"
    stored.contents[0].sms.max_segments = 2
    gateway.templates.stored["letter"] = stored
    read = client.get_template("letter")
    first, *others = read.contents
    client.update_template(replace(read, contents=(replace(first, body="Changed"), *others)))
    kept = gateway.templates.stored["letter"].contents[0]
    assert (kept.body, kept.push, kept.email, kept.sms) == (
        "Changed",
        stored.contents[0].push,
        stored.contents[0].email,
        stored.contents[0].sms,
    )


def test_what_a_content_says_beside_its_texts_is_changed_by_its_names(gateway: FakeGateway, client: Client) -> None:
    stored = newer_template.make()
    stored.contents[0].push.MergeFromString(b"\xc2\x0c\x05newer")  # field 200
    stored.contents[0].push.data["order"] = "7"
    gateway.templates.stored["letter"] = stored
    read = client.get_template("letter")
    first, *others = read.contents
    assert first.push == {"data": {"order": "7"}}
    changed = replace(first, push={"link": "app://orders", "badge": 0, "silent": False}, sms={"max_segments": 2})
    client.update_template(replace(read, contents=(changed, *others)))
    expected = template_pb2.TemplateContent(push={"link": "app://orders", "badge": 0, "silent": False}).push
    expected.MergeFromString(b"\xc2\x0c\x05newer")
    kept = gateway.templates.stored["letter"].contents[0]
    assert (kept.push, kept.sms.max_segments) == (expected, 2)


def test_the_client_has_a_name_for_all_that_one_may_say_in_a_content() -> None:
    behaviours = {
        field.name: list(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])
        for field in template_pb2.TemplateContent.DESCRIPTOR.fields
    }
    said = {name for name, found in behaviours.items() if field_behavior_pb2.OUTPUT_ONLY not in found}
    assert said == {field.name for field in fields(TemplateContent)} - {"unknown"}, "else it is lost by an update"


def test_whether_the_html_is_mjml_is_kept_and_changed(gateway: FakeGateway, client: Client) -> None:
    made = client.create_template(Template("t", Channel.EMAIL, (TemplateContent(html_body="<mjml/>", mjml=True),)))
    assert client.update_template(replace(made, category="news")).contents[0].mjml
    assert gateway.templates.stored["t"].contents[0].mjml


@pytest.mark.parametrize(
    "said", [{"push": {"lnk": "x"}}, {"push": {"badge": "x"}}, {"sms": {"max_segments": 2**40}}, {"email": "x"}]
)
def test_what_the_contract_has_no_place_for_is_refused(client: Client, said: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(said))):
        client.create_template(Template("t", Channel.SMS, (TemplateContent("hi", **said),)))


def test_a_word_that_is_chosen_takes_the_place_of_one_that_is_not_known(gateway: FakeGateway, client: Client) -> None:
    gateway.templates.stored["letter"] = newer_template.make()
    read = client.get_template("letter")
    first, second = read.contents
    client.update_template(replace(read, priority=Priority.LOW, contents=(first, replace(second, channel=Channel.SMS))))
    stored = gateway.templates.stored["letter"]
    assert (stored.priority, stored.contents[1].channel) == (enums_pb2.LOW, enums_pb2.SMS)


def test_what_is_stored_fills_in_only_what_is_not_said(gateway: FakeGateway, client: Client) -> None:
    gateway.templates.stored["letter"] = newer_template.make()
    given = Template(
        "letter",
        Channel.EMAIL,
        (TemplateContent("any"), TemplateContent("mail", channel=Channel.EMAIL), TemplateContent("more", locale="de")),
    )
    kept = given.keeping(client.get_template("letter"))
    assert [bool(content.unknown) for content in kept.contents] == [False, True, False]
    assert kept.unknown == client.get_template("letter").unknown


@pytest.mark.parametrize("damaged", [b"\xff", b"\x0a\x05abc"])
def test_damage_to_what_is_kept_is_refused(client: Client, damaged: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        client.create_template(Template("t", Channel.SMS, (TemplateContent("hi"),), unknown=damaged))


def test_nothing_that_is_known_is_smuggled_in(gateway: FakeGateway, client: Client) -> None:
    smuggled = template_pb2.Template(category="other", contents=[{"body": "second"}]).SerializeToString()
    client.create_template(Template("t", Channel.SMS, (TemplateContent("hi"),), unknown=smuggled))
    stored = gateway.templates.stored["t"]
    assert (stored.category, [content.body for content in stored.contents]) == ("", ["hi"])
