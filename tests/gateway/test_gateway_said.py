"""What a request says beside subject and text goes on as it was said, over the template's, and is no syntax."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, template_pb2
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

PUSH = {"template_name": "order", "to": "token", "context": {"id": "7"}}


@pytest.fixture(autouse=True)
def order(peers: fakes.Peers) -> None:
    content = template_pb2.TemplateContent(subject="Order {{ id }}", body="It is on its way")
    content.push.link = "https://shop.example.com/{{ id }}"
    content.push.data["order"] = "{{ id }}"
    stored = template_pb2.Template(name="order", channel=enums_pb2.PUSH, version=1, contents=[content])
    stored.variables.append("id")
    peers.store(stored)


async def test_what_is_said_goes_on_and_the_timeline_tells_what_it_took_the_place_of(
    client: Client, peers: fakes.Peers
) -> None:
    await client.send(**PUSH, subject="Yours", push={"link": "shop://7", "sound": "ding", "data": {"order": "8"}})
    (submission,) = peers.router.submissions
    assert (submission.asked.push.link, submission.asked.push.sound) == ("shop://7", "ding")
    said = [(one.rule, one.result) for one in submission.decisions]
    assert said == [("content", "subject"), ("content", "push.data.order"), ("content", "push.link")]


async def test_who_says_nothing_of_it_is_told_nothing_of_it(client: Client, peers: fakes.Peers) -> None:
    await client.send(**PUSH)
    (submission,) = peers.router.submissions
    assert not submission.decisions
    assert not submission.asked.HasField("push")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"push": {"link": "https://a\nb"}}, "push.link"),
        ({"push": {"data": {"a": "b\0"}}}, "push.data.a"),
        ({"email": {"reply_to": "a@example.com\r\nBcc: b@example.com"}}, "email.reply_to"),
        ({"email": {"headers": {"X-A": "b\r\nSubject: c"}}}, "email.headers.X-A"),
        ({"email": {"preheader": "a\x0bb"}}, "email.preheader"),
        ({"attachments": [{"filename": "a\r\n.txt"}]}, "attachments[0].filename"),
    ],
)
async def test_no_text_holds_a_sign_that_could_become_syntax(client: Client, fields: dict[str, Any], path: str) -> None:
    error = await refusal(client.send(**PUSH, **fields))
    assert (error.reason, [one.field for one in error.violations]) == ("CONTROL_CHARACTER", [path])
