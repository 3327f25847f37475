"""Texts that take long to read or to render."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import grpc.aio

from pulse.common.v1 import enums_pb2
from pulse.common.v1.template_pb2 import Template, TemplateContent
from pulse.gateway.v1 import notification_service_pb2 as notification_api
from pulse.gateway.v1 import template_service_pb2 as api
from pulse.gateway.v1.notification_service_pb2_grpc import NotificationServiceStub
from pulse.gateway.v1.template_service_pb2_grpc import TemplateServiceStub
from tests.isolation.scene import Scene

CALLERS = 8
#: Heavy notifications of one attack: workers shall be done with them soon after.
MOST_HEAVY = 100
#: Each of these took seconds where work was counted in steps.
HEAVY = (
    "{% assign n = (1..9999) | join: ',' | split: ',' %}" + "{% assign n = n | uniq | sort | reverse %}" * 40,
    "{% for a in (1..900) %}{% for b in (1..900) %}{{ a }}{% endfor %}{% endfor %}",
    "{% assign s = 'x' %}" + "{% assign s = s | append: s | replace: 'x', 'xx' %}" * 20 + "{{ s }}",
    "{{ s | strip_html | escape | url_encode }}" * 200,
)
#: As much as is rendered within the bounds.
WITHIN = "{% for a in (1..400) %}{{ a }} {{ name | upcase | escape }}{% endfor %}"


async def drafts(scene: Scene) -> None:
    """Previews that would never end, each with a deadline of its own, beside large templates that are made anew."""
    async with scene.target.channel() as channel:
        stub = TemplateServiceStub(channel)
        credential = scene.target.credential
        previews = itertools.cycle(_previews())
        template = _large(f"large-{scene.name}")
        await stub.CreateTemplate(api.CreateTemplateRequest(template=template), timeout=20, metadata=credential)

        async def preview() -> object:
            return await stub.PreviewTemplate(next(previews), timeout=2, metadata=credential)

        async def update() -> object:
            ask = api.UpdateTemplateRequest(template=template)
            return await stub.UpdateTemplate(ask, timeout=10, metadata=credential)

        await asyncio.gather(scene.crowd(CALLERS, preview), scene.crowd(2, update))


def _previews() -> Iterator[api.PreviewTemplateRequest]:
    for body in HEAVY:
        draft = [TemplateContent(subject="s", body=body)]
        ask = api.PreviewTemplateRequest(name="draft", channel=enums_pb2.EMAIL, draft=draft)
        ask.context.update({"s": "<" * 50_000})
        yield ask


def _large(name: str) -> Template:
    """As many languages, outputs and bytes as one may well have."""
    contents = [TemplateContent(locale=f"de-{n:05d}", body="{{ a }}" * 990 + "x" * 8_000) for n in range(20)]
    return Template(name=name, channel=enums_pb2.EMAIL, contents=contents)


async def heavy_texts(scene: Scene) -> None:
    """Notifications whose text is as much work as may be, for the gateway and then for a worker."""
    async with scene.target.channel() as channel:
        name = await make(scene, channel, "heavy", WITHIN)
        stub = NotificationServiceStub(channel)
        numbers = iter(range(MOST_HEAVY))

        async def send() -> object:
            if (number := next(numbers, None)) is None:
                await asyncio.Event().wait()
            ask = notification_api.SendNotificationRequest(
                user_id=f"heavy-{scene.name}-{number}", template_name=name, to="heavy@example.com"
            )
            ask.context.update({"name": "<Ann>" * 20})
            return await stub.SendNotification(ask, timeout=10, metadata=scene.target.credential)

        await scene.crowd(CALLERS, send)


async def make(scene: Scene, channel: grpc.aio.Channel, name: str, body: str, **fields: object) -> str:
    """Makes a template for emails; its name, which begins with ``name``."""
    content = TemplateContent(subject="s", body=body)
    template = Template(name=f"{name}-{scene.name}", channel=enums_pb2.EMAIL, contents=[content], **fields)
    ask = api.CreateTemplateRequest(template=template)
    await TemplateServiceStub(channel).CreateTemplate(ask, timeout=20, metadata=scene.target.credential)
    return template.name
