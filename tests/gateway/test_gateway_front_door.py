"""The front door of a real Envoy and a real gateway: whoever has no key holds nothing of what others need."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from proof.planning import make_plan
from pulse.gateway.v1.notification_service_pb2_grpc import NotificationServiceStub
from shared.errors import Code
from tests.gateway.conftest import Serve, refusal, request
from tests.gateway.edge import envoy_before
from tests.support import eventually
from tests.support.memory import resident_mib
from tests.support.unfinished import Held, all_of, grpc_messages, rest_body

SECRET = "the-key-of-somebody"
MIB = 2**20
LARGE = 4 * MIB
SEND = {"user_id": "u", "template_name": "welcome", "to": "a@example.com", "context": {"name": "Ada"}}
PATHS = ("/v1/notifications", "/v1/notifications:batchSend", "/api/notifications/send/", "/v1/nothing")
SEND_METHOD = "/pulse.gateway.v1.NotificationService/SendNotification"
#: What Envoy's memory may grow by while 100 callers without a key send it 400 MiB.
SOME_MIB = 100
#: What Envoy's container may have, deploy/k8s/base/envoy.yaml.
CONTAINER_MIB = 512


@dataclass
class Stack:
    """An Envoy before a gateway that asks for keys."""

    rest: httpx.AsyncClient  # with a key
    port: int
    envoy_pid: int

    async def honest(self) -> None:
        """Somebody with a key sends and is answered."""
        answer = await self.rest.post("/v1/notifications", json=SEND)
        assert answer.status_code == 200, answer.text

    async def is_open(self) -> bool:
        """Whether it takes calls; one that does not says so in the words of the API."""
        answer = await self.rest.post("/v1/notifications", json=SEND)
        if answer.status_code == 200:
            return True
        assert answer.status_code == 503 and answer.headers["retry-after"], answer.text
        assert answer.json()["details"][0]["reason"] == "OVERLOADED"
        return False

    def channel(self) -> grpc.aio.Channel:
        options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        return grpc.aio.insecure_channel(f"127.0.0.1:{self.port}", options=options)


def key_file(folder: Path) -> str:
    """A file with one key, whose secret is SECRET."""
    key = {
        "tenant": "default",
        "name": "k",
        "sha256": hashlib.sha256(SECRET.encode()).hexdigest(),
        "scopes": ["send", "read"],
    }
    (folder / "keys.json").write_text(json.dumps([key]))
    return str(folder / "keys.json")


@pytest.fixture
async def stack(serve: Serve, tmp_path: Path) -> AsyncIterator[Stack]:
    plan = make_plan(tmp_path)
    keys = key_file(tmp_path)
    await serve(PULSE_LISTEN=plan.ports.address("grpc"), PULSE_AUTH="required", PULSE_GATEWAY_API_KEYS_FILE=keys)
    with envoy_before(plan) as pid:
        headers = {"authorization": f"Bearer {SECRET}"}
        async with httpx.AsyncClient(base_url=plan.public_url(), timeout=20, headers=headers) as client:
            yield Stack(client, plan.ports.http, pid)


async def many(times: int, one: Callable[[], Any]) -> Sequence[Any]:
    return await asyncio.gather(*(one() for _ in range(times)))


async def test_a_large_body_without_a_key_is_refused_before_it_is_there(stack: Stack) -> None:
    async def refused(key: str | None, reason: str, method: str, chunked: bool, path: str) -> None:
        headers = {} if key is None else {"x-api-key": key}
        held = await rest_body(stack.port, headers, path, LARGE, method=method, chunked=chunked)
        async with all_of([held]):
            head, _, body = held.answer.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 401 "), (key, method, path, held)
            error = json.loads(body)
            assert (error["code"], error["details"][0]["reason"]) == (16, reason)

    missing, unknown = "API_KEY_MISSING", "API_KEY_UNKNOWN"
    for key, reason in ((None, missing), ("", missing), ("wrong", unknown), ("x" * 1000, unknown)):
        cases = itertools.product(("POST", "PUT", "PATCH"), (False, True), PATHS)
        await asyncio.gather(*(refused(key, reason, *case) for case in cases))


async def test_while_no_gateway_tells_a_large_body_is_not_taken_in(serve: Serve, tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    with envoy_before(plan):
        held = await rest_body(plan.ports.http, {"x-api-key": SECRET}, "/v1/notifications", LARGE)
        async with all_of([held]):
            assert held.answer.startswith(b"HTTP/1.1 503 "), held


async def test_a_grpc_message_without_a_key_is_refused_and_why(stack: Stack) -> None:
    async with stack.channel() as channel:
        send = NotificationServiceStub(channel).SendNotification
        for size, key in itertools.product((10, 100_000, LARGE - 1000), ((), (("authorization", "Bearer wrong"),))):
            error = await refusal(send(request(to="x" * size), metadata=key))
            assert (error.code, error.reason) == (Code.UNAUTHENTICATED, "API_KEY_UNKNOWN" if key else "API_KEY_MISSING")


async def _bodies(stack: Stack) -> Sequence[Held]:
    return await many(100, lambda: rest_body(stack.port, {}, "/v1/notifications", LARGE))


async def _bodies_with_a_wrong_key(stack: Stack) -> Sequence[Held]:
    wrong = {"x-api-key": "wrong"}
    return await many(100, lambda: rest_body(stack.port, wrong, "/api/notifications/send/", LARGE, chunked=True))


async def _callbacks(stack: Stack) -> Sequence[Held]:
    return await many(100, lambda: rest_body(stack.port, {}, "/callbacks/ses", LARGE, chunked=True))


async def _pages(stack: Stack) -> Sequence[Held]:
    return await many(100, lambda: rest_body(stack.port, {}, "/unsubscribe/token", LARGE, chunked=True))


async def _unknown_paths(stack: Stack) -> Sequence[Held]:
    return await many(100, lambda: rest_body(stack.port, {}, "/anything", LARGE, chunked=True))


async def _reads(stack: Stack) -> Sequence[Held]:
    return await many(100, lambda: rest_body(stack.port, {}, "/v1/notifications", LARGE, method="GET", chunked=True))


async def _messages(stack: Stack) -> Sequence[Held]:
    connections = await many(20, lambda: grpc_messages(stack.port, {}, SEND_METHOD, LARGE, streams=5))
    return list(itertools.chain.from_iterable(connections))


ATTACKS = [_bodies, _bodies_with_a_wrong_key, _callbacks, _pages, _unknown_paths, _reads, _messages]


async def test_envoy_keeps_nothing_large_for_callers_without_a_key(stack: Stack) -> None:
    await stack.honest()
    before = resident_mib(stack.envoy_pid)
    for attack in ATTACKS:
        async with all_of(await attack(stack)) as held:
            assert len(held) == 100
            assert resident_mib(stack.envoy_pid) - before < SOME_MIB, attack.__name__
            await stack.honest()


async def test_a_caller_with_a_key_cannot_fill_envoys_memory_either(stack: Stack) -> None:
    key = {"x-api-key": SECRET}

    async def bodies() -> Sequence[Held]:
        return await many(75, lambda: rest_body(stack.port, key, "/v1/notifications", LARGE))

    async def messages() -> Sequence[Held]:
        connections = await many(15, lambda: grpc_messages(stack.port, key, SEND_METHOD, LARGE, streams=10))
        return list(itertools.chain.from_iterable(connections))

    for attack in (bodies, messages):
        async with all_of(await attack(), await attack()):
            assert resident_mib(stack.envoy_pid) < CONTAINER_MIB
            await eventually(stack.is_open)
    await eventually(lambda: resident_mib(stack.envoy_pid) < CONTAINER_MIB / 2, timeout=20)


async def test_health_is_asked_through_envoy_and_not_watched(stack: Stack) -> None:
    async with stack.channel() as channel:
        health = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            async for _ in health.Watch(health_pb2.HealthCheckRequest()):
                pytest.fail("it was watched")
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_reflection_through_envoy_takes_nothing_from_calls(stack: Stack) -> None:
    channels = [stack.channel() for _ in range(5)]
    streams = [ServerReflectionStub(channel).ServerReflectionInfo() for channel in channels for _ in range(200)]

    async def refused(stream: Any) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3):
                return await stream.code() is grpc.StatusCode.UNAVAILABLE
        return False

    answers = await asyncio.gather(*map(refused, streams))
    assert answers.count(False) <= 32, "so many are served, and all others refused at once"
    await stack.honest()
    for channel in channels:
        await channel.close()
