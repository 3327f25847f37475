"""Templates that collect notifications."""

from __future__ import annotations

import pytest

from pulse.common.v1 import enums_pb2, template_pb2
from pulse.gateway.v1 import template_service_pb2 as api
from shared.errors import Code
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

BODY = "{{ digest.count }}: {% for one in digest.entries %}{{ one.name }} {% endfor %}"


def news(seconds: int = 300, nanos: int = 0) -> template_pb2.Template:
    """A template that collects for so long."""
    made = fakes.template("news", enums_pb2.EMAIL, BODY, subject="News", version=0)
    made.digest_window.seconds, made.digest_window.nanos = seconds, nanos
    return made


async def test_the_window_is_stored_and_told(client: Client, peers: fakes.Peers) -> None:
    made = await client.templates.CreateTemplate(api.CreateTemplateRequest(template=news()))
    assert made.digest_window.seconds == 300
    assert peers.admin.changes[0].template.digest_window.seconds == 300
    assert list(made.variables) == []  # what Pulse fills in is nothing that a request must hold


@pytest.mark.parametrize("seconds, nanos", [(0, 0), (0, 999_999_999), (604_800, 1), (-5, 0)])
async def test_a_window_that_cannot_be_is_refused(client: Client, peers: fakes.Peers, seconds: int, nanos: int) -> None:
    error = await refusal(client.templates.CreateTemplate(api.CreateTemplateRequest(template=news(seconds, nanos))))
    assert (error.code, error.violations[0].field) == (Code.INVALID_ARGUMENT, "template.digest_window")
    assert not peers.admin.changes


async def test_the_window_goes_with_every_submission(client: Client, peers: fakes.Peers) -> None:
    peers.store(news())
    await client.send(template_name="news")
    await client.send()
    first, second = peers.router.submissions
    assert first.asked.digest_window.seconds == 300 and not second.asked.HasField("digest_window")
    assert first.asked.context_json == '{"name":"Ada"}'


async def test_each_context_must_do_for_the_digest_it_may_end_in(client: Client) -> None:
    collecting = news()
    await client.templates.CreateTemplate(api.CreateTemplateRequest(template=collecting))
    assert (await client.send(template_name="news")).notification_id
    error = await refusal(client.send(template_name="news", context={"nome": "Ada"}))
    assert error.reason == "MISSING_VARIABLE"


async def test_a_request_cannot_make_up_a_digest(client: Client, peers: fakes.Peers) -> None:
    peers.store(news())
    error = await refusal(client.send(template_name="news", context={"name": "Ada", "digest": {"count": 9}}))
    assert (error.reason, error.violations[0].field) == ("CONTEXT_RESERVED", "context.digest")
    assert (await client.send(context={"name": "Ada", "digest": 1})).notification_id


async def test_a_preview_shows_a_digest_of_one_or_the_one_it_is_given(client: Client, peers: fakes.Peers) -> None:
    peers.store(news())
    asked = api.PreviewTemplateRequest(name="news", context={"name": "Ada"})
    assert (await client.templates.PreviewTemplate(asked)).body == "1: Ada "
    many = {"digest": {"count": 2, "entries": [{"name": "Ada"}, {"name": "Eve"}]}}
    asked = api.PreviewTemplateRequest(name="news", context=many)
    assert (await client.templates.PreviewTemplate(asked)).body == "2: Ada Eve "
