"""Providers that fail for one tenant alone, and notifications that fail in every one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import httpx

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.gateway.v1.notification_service_pb2_grpc import NotificationServiceStub
from tests.isolation.attacks.by_floods import send_all
from tests.isolation.attacks.by_templates import make
from tests.isolation.scene import Scene

MANY = 160
#: What filters once broke on.
ODD = {"name": "Ann", "list": ["a", {"b": 1}], "code": {"c": 2}}


async def providers(scene: Scene) -> None:
    """SMS whose provider answers a byte at a time, or garbage, or that cannot be rendered whenever they are tried."""
    rules = [
        {"provider": "twilio", "match": "1$", "action": "drip", "at": "body", "value": 0.2},
        {"provider": "twilio", "match": "3$", "action": "garbage", "value": None},
    ]
    async with _faults(scene, rules):
        await _send(scene, enums_pb2.SMS, lambda number: f"+1202555{number:03d}{1 if number % 2 else 3}")


async def mail_servers(scene: Scene) -> None:
    """Emails by the neighbour's own provider, whose server hangs or closes down for all of these addresses."""
    rules = [
        {"provider": "smtp", "match": "@hangs.test$", "action": "hang", "value": 30},
        {"provider": "smtp", "match": "@closes.test$", "action": "status", "value": 421},
    ]
    async with _faults(scene, rules):
        await _send(scene, enums_pb2.EMAIL, lambda number: f"a{number}@{'hangs' if number % 2 else 'closes'}.test")


async def _send(scene: Scene, channel: enums_pb2.Channel, address: Callable[[int], str]) -> None:
    async with scene.target.channel() as connection:
        name = await make(scene, connection, "poison", "{{ name }} {{ list | compact: code }}")
        requests = []
        for number in range(MANY):
            context = ODD if number % 4 == 0 else {"name": "Ann", "list": [], "code": ""}
            ask = api.SendNotificationRequest(
                user_id=f"poison-{scene.name}-{number}",
                template_name=name,
                channel=channel,
                to=address(number),
            )
            ask.ttl.FromSeconds(3)
            ask.context.update(context)
            requests.append(ask)
        await send_all(scene, NotificationServiceStub(connection), iter(requests), 40)


@contextlib.asynccontextmanager
async def _faults(scene: Scene, rules: Sequence[dict[str, object]]) -> AsyncIterator[None]:
    """The sandbox behaves so within the block."""
    async with httpx.AsyncClient(base_url=f"http://{scene.target.sandbox}", timeout=10) as client:
        (await client.put("/api/faults", json=rules)).raise_for_status()
        try:
            yield
        finally:
            (await client.put("/api/faults", json=[])).raise_for_status()
