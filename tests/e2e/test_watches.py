"""Watches in number, through a real gateway, router and ledger: they hold up nobody, and end when they must."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from pulse.common.v1 import enums_pb2
from pulse.common.v1.key_pb2 import ApiKey
from pulse.common.v1.template_pb2 import Template, TemplateContent
from pulse.gateway.v1 import key_service_pb2, template_service_pb2
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.gateway.v1.key_service_pb2_grpc import KeyServiceStub
from pulse.gateway.v1.notification_service_pb2_grpc import NotificationServiceStub
from pulse.gateway.v1.template_service_pb2_grpc import TemplateServiceStub
from services.gateway.config import GatewaySettings
from services.gateway.server import Gateway
from services.ledger.config import LedgerSettings
from services.ledger.migrate import migrate
from services.ledger.server import Ledger
from services.router.config import RouterSettings
from services.router.server import Router
from shared.errors import Code, PulseError
from shared.rpc.statuses import from_rpc_error
from tests.support import eventually

QUOTA = 1_100
#: Watches on one connection: what gRPC allows is 1,000.
ON_ONE = 550
SCOPES = ["send", "read", "templates", "keys"]
Headers = list[tuple[str, str]]


def bearing(secret: str) -> Headers:
    return [("authorization", f"Bearer {secret}")]


ACME, GLOBEX = bearing("acme"), bearing("globex")


@dataclass
class Pulse:
    """The parts that accept, and stubs to call them with."""

    ledger_settings: LedgerSettings
    ledger: Ledger
    target: str
    channel: grpc.aio.Channel

    def __post_init__(self) -> None:
        self.notifications = NotificationServiceStub(self.channel)
        self.keys = KeyServiceStub(self.channel)

    async def send(self, headers: Headers) -> str:
        """Accepts one that is due tomorrow; gives its id."""
        request = api.SendNotificationRequest(user_id=uuid.uuid4().hex, template_name="hello", to="a@example.com")
        request.send_at.FromDatetime(dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
        return (await self.notifications.SendNotification(request, metadata=headers, timeout=10)).notification_id

    async def get(self, id_: str, headers: Headers) -> Any:
        request = api.GetNotificationRequest(notification_id=id_)
        return await self.notifications.GetNotification(request, metadata=headers, timeout=10)

    async def cancel(self, id_: str, headers: Headers) -> None:
        request = api.CancelNotificationRequest(notification_id=id_)
        await self.notifications.CancelNotification(request, metadata=headers, timeout=10)

    async def restart_ledger(self) -> None:
        """Another process's worth of ledger at the same address."""
        address = f"127.0.0.1:{self.ledger.port}"
        await self.ledger.stop()
        self.ledger = Ledger(self.ledger_settings.model_copy(update={"listen": address}))
        await self.ledger.start()


@pytest.fixture
async def pulse(database_url: str, valkey_url: str, broker_url: str, tmp_path: Path) -> AsyncIterator[Pulse]:
    """One of each, with two tenants, whose template is made."""
    await asyncio.to_thread(migrate, database_url, dt.datetime.now(dt.UTC), 1)
    common = {"PULSE_DRAIN_SECONDS": "1"}
    common["PULSE_LISTEN"] = "127.0.0.1:0"
    ledger_settings = LedgerSettings.load({**common, "PULSE_DATABASE_URL": database_url})
    ledger = Ledger(ledger_settings)
    await ledger.start()
    address = f"127.0.0.1:{ledger.port}"
    peers = {**common, "PULSE_LEDGER_ADDRESS": address}
    router = Router(RouterSettings.load({**peers, "PULSE_REDIS_URL": valkey_url, "PULSE_BROKER_URL": broker_url}))
    await router.start()
    gateway = Gateway(GatewaySettings.load({**peers, **_gateway(router, tmp_path)}))
    await gateway.start()
    target = f"127.0.0.1:{gateway.port}"
    async with grpc.aio.insecure_channel(target) as channel:
        running = Pulse(ledger_settings, ledger, target, channel)
        await _make_templates(channel)
        yield running
    await gateway.stop()
    await router.stop()
    await running.ledger.stop()


def _gateway(router: Router, folder: Path) -> dict[str, str]:
    keys = folder / "keys.json"
    entries = [
        {"tenant": name, "name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), "scopes": SCOPES}
        for name in ("acme", "globex")
    ]
    keys.write_text(json.dumps(entries))
    return {
        "PULSE_ROUTER_ADDRESS": f"127.0.0.1:{router.port}",
        "PULSE_AUTH": "required",
        "PULSE_GATEWAY_API_KEYS_FILE": str(keys),
        "PULSE_GATEWAY_WATCHES_OF_KEY": str(QUOTA),
        "PULSE_GATEWAY_WATCHES_OF_TENANT": str(QUOTA),
    }


async def _make_templates(channel: grpc.aio.Channel) -> None:
    template = Template(name="hello", channel=enums_pb2.EMAIL, contents=[TemplateContent(subject="Hi", body="Hello")])
    for headers in (ACME, GLOBEX):
        request = template_service_pb2.CreateTemplateRequest(template=template)
        await TemplateServiceStub(channel).CreateTemplate(request, metadata=headers)


@contextlib.asynccontextmanager
async def watched(pulse: Pulse, ids: list[str], headers: Headers, count: int) -> AsyncIterator[list[Any]]:
    """So many watches of these in turn, each of which has told its first event."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    watches: list[Any] = []
    async with contextlib.AsyncExitStack() as stack:
        for start in range(0, count, ON_ONE):
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(pulse.target, options=options))
            stub = NotificationServiceStub(channel)
            for number in range(start, min(count, start + ON_ONE)):
                request = api.WatchNotificationRequest(notification_id=ids[number % len(ids)])
                watches.append(stub.WatchNotification(request, metadata=headers))
        await asyncio.gather(*(watch.read() for watch in watches))
        yield watches


async def ending(watch: Any) -> PulseError | int:
    """The status of the last event, or what the watch ends with."""
    last = 0
    async with asyncio.timeout(30):
        try:
            while (told := await watch.read()) is not grpc.aio.EOF:
                last = told.status
        except grpc.aio.AioRpcError as error:
            return from_rpc_error(error)
    return last


async def test_a_tenant_s_watches_up_to_its_quota_leave_others_alone(pulse: Pulse) -> None:
    """Every call has a deadline of 10 s and the ledger one connection for a thousand streams, were they not apart."""
    ids = [await pulse.send(ACME) for _ in range(20)]
    async with watched(pulse, ids, ACME, QUOTA) as watches:
        over = await ending(pulse.notifications.WatchNotification(_of(ids[0]), metadata=ACME))
        assert isinstance(over, PulseError)
        assert (over.code, [one.subject for one in over.quotas]) == (
            Code.RESOURCE_EXHAUSTED,
            ["watches_of_key", "watches_of_tenant"],
        )
        for _ in range(20):
            sent = await pulse.send(GLOBEX)
            assert (await pulse.get(sent, GLOBEX)).status == enums_pb2.SCHEDULED
        async with watched(pulse, [sent], GLOBEX, 1) as (other,):
            await pulse.cancel(sent, GLOBEX)
            assert await ending(other) == enums_pb2.CANCELLED
        for id_ in ids:
            await pulse.cancel(id_, ACME)
        assert set(await asyncio.gather(*map(ending, watches))) == {enums_pb2.CANCELLED}


async def test_watches_go_on_when_the_ledger_was_restarted(pulse: Pulse) -> None:
    ids = [await pulse.send(ACME) for _ in range(5)]
    async with watched(pulse, ids, ACME, 50) as watches:
        await pulse.restart_ledger()
        for id_ in ids:
            await pulse.cancel(id_, ACME)
        assert set(await asyncio.gather(*map(ending, watches))) == {enums_pb2.CANCELLED}


async def test_watches_end_within_ten_seconds_of_their_key_s_revocation(pulse: Pulse) -> None:
    """With the settings as they are, while as many watches go on as may be."""
    id_ = await pulse.send(ACME)
    key = ApiKey(name="passing", scopes=["read"])
    made = await pulse.keys.CreateKey(key_service_pb2.CreateKeyRequest(key=key), metadata=ACME)
    await eventually(lambda: _reads(pulse, id_, made.secret))
    async with watched(pulse, [id_], ACME, QUOTA - 20), watched(pulse, [id_], bearing(made.secret), 20) as watches:
        revoke = key_service_pb2.RevokeKeyRequest(key_id=made.key.key_id)
        await pulse.keys.RevokeKey(revoke, metadata=ACME)
        async with asyncio.timeout(10):
            endings = await asyncio.gather(*map(ending, watches))
    assert {one.code for one in endings if isinstance(one, PulseError)} == {Code.UNAUTHENTICATED}
    assert len(endings) == 20


def _of(id_: str) -> api.WatchNotificationRequest:
    return api.WatchNotificationRequest(notification_id=id_)


async def _reads(pulse: Pulse, id_: str, secret: str) -> bool:
    with contextlib.suppress(grpc.aio.AioRpcError):
        return bool(await pulse.get(id_, bearing(secret)))
    return False
