"""What is said beside subject and text: the request's laid over the template's."""

from __future__ import annotations

import pytest

from pulse.common.v1 import saying_pb2
from pulse.gateway.v1 import notification_service_pb2 as api
from shared.saying import fields, layers
from shared.saying.said import NOTHING, Attachment, said
from shared.text.rendering import CompiledTemplate, RenderError, Text

TEMPLATES = {"push": {"link": "app://{{ id }}", "data": {"order": "{{ id }}", "from_template": "1"}, "badge": 2}}


def test_the_requests_fields_win_and_in_maps_its_entries() -> None:
    request = {"push": {"link": "app://other", "data": {"order": "8"}, "badge": 0}, "sms": {"transliterate": True}}
    assert layers.laid(TEMPLATES, request) == {
        "push": {"link": "app://other", "data": {"order": "8", "from_template": "1"}, "badge": 0},
        "sms": {"transliterate": True},
    }


def test_a_list_takes_the_place_of_a_list() -> None:
    assert layers.laid({"email": {"cc": ["a", "b"]}}, {"email": {"cc": ["c"]}}) == {"email": {"cc": ["c"]}}


@pytest.mark.parametrize(
    ("request_says", "paths"),
    [
        ({}, []),
        ({"push": {"link": "app://{{ id }}"}}, []),
        ({"push": {"icon": "new"}}, []),
        ({"push": {"link": "x:y", "data": {"order": "9", "new": "1"}}}, ["push.data.order", "push.link"]),
    ],
)
def test_what_a_request_says_in_place_of_the_template_is_named(request_says: dict, paths: list[str]) -> None:
    assert list(layers.overridden(TEMPLATES, request_says)) == paths


def test_a_templates_texts_are_rendered_wherever_they_stand() -> None:
    deep = {"push": TEMPLATES["push"], "email": {"reply_to": "{{ id }}@example.com", "headers": {"X-Id": "{{ id }}"}}}
    rendered = CompiledTemplate([Text("", "", "", "hi", "", deep)], "en").render("PUSH", "", {"id": 7})
    assert rendered.said == {
        "push": {"link": "app://7", "data": {"order": "7", "from_template": "1"}, "badge": 2},
        "email": {"reply_to": "7@example.com", "headers": {"X-Id": "7"}},
    }


def test_no_value_makes_a_line_of_its_own_but_in_what_an_app_reads() -> None:
    evil = {"v": "x\r\nBcc: everyone@example.com"}
    header = CompiledTemplate([Text("", "", "", "hi", "", {"email": {"headers": {"X-V": "{{ v }}"}}})], "en")
    with pytest.raises(RenderError, match=r"CONTROL_CHARACTER: the email\.headers\.X-V"):
        header.render("EMAIL", "", evil)
    data = CompiledTemplate([Text("", "", "", "hi", "", {"push": {"data": {"v": "{{ v }}"}}})], "en")
    assert data.render("PUSH", "", evil).said["push"]["data"]["v"] == "x\nBcc: everyone@example.com"


def test_a_variable_that_stands_only_there_must_be_in_the_context() -> None:
    template = CompiledTemplate([Text("", "", "", "hi", "", {"push": {"link": "app://{{ id }}"}})], "en")
    assert template.variables == {"id"}
    with pytest.raises(RenderError, match="MISSING_VARIABLE"):
        template.render("PUSH", "", {})


def test_a_message_is_read_as_what_is_set_in_it() -> None:
    push = saying_pb2.Push(data={"a": "b"}, badge=0, silent=False)
    request = api.SendNotificationRequest(
        user_id="u", push=push, attachments=[saying_pb2.Attachment(filename="a.txt", content=b"x")]
    )
    read = fields.of_request(request)
    assert read == {
        "push": {"data": {"a": "b"}, "badge": 0, "silent": False},
        "attachments": [{"filename": "a.txt", "content": b"x"}],
    }
    made = said(read)
    assert (made.push.badge, made.push.data, made.email) == (0, {"a": "b"}, NOTHING.email)
    assert made.attachments == [Attachment(filename="a.txt", content=b"x")]


def test_who_says_nothing_costs_nothing() -> None:
    assert said(fields.of_request(api.SendNotificationRequest(user_id="u", subject="s"))) is NOTHING
