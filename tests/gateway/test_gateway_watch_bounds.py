"""Watches are bounded: in number by key, tenant and process, in time by key and age, in bytes by their reader."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from pulse.common.v1 import enums_pb2, notification_pb2
from pulse.common.v1.key_pb2 import ApiKey
from pulse.gateway.v1 import key_service_pb2
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.gateway.v1.key_service_pb2_grpc import KeyServiceStub
from services.gateway.api import open_watches
from shared.clock import FixedClock
from shared.errors import Code, PulseError
from shared.rpc.statuses import from_rpc_error
from shared.times import to_timestamp
from tests.gateway import fakes
from tests.gateway.conftest import NOW, Client
from tests.support import eventually

Headers = list[tuple[str, str]]
#: Two keys of acme, one of globex.
KEYS = {"acme-1": "acme", "acme-2": "acme", "globex-1": "globex"}
SCOPES = ["send", "read", "keys"]


def bearing(secret: str) -> Headers:
    return [("authorization", f"Bearer {secret}")]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watches are looked at more often, so that nobody waits for it."""
    monkeypatch.setattr(open_watches, "CHECK_S", 0.05)


@pytest.fixture
async def keyed(serve: Callable[..., Any], peers: fakes.Peers, tmp_path: Path) -> Callable[..., Any]:
    """Starts a gateway that wants keys; each tenant has a notification of the same id."""
    for tenant in ("acme", "globex"):
        peers.know(notification_pb2.Notification(notification_id=fakes.KNOWN_ID), tenant)
    path = tmp_path / "keys.json"
    hashed = {name: hashlib.sha256(name.encode()).hexdigest() for name in KEYS}
    path.write_text(
        json.dumps([{"tenant": KEYS[name], "name": name, "sha256": hashed[name], "scopes": SCOPES} for name in KEYS])
    )

    async def start(**settings: str) -> Client:
        fast = {"PULSE_AUTH": "required", "PULSE_GATEWAY_KEYS_SECONDS": "0.02"}
        return await serve(**fast, PULSE_GATEWAY_API_KEYS_FILE=str(path), **settings)

    return start


def watch(client: Client, headers: Headers | str, after: int = 0) -> Any:
    """A watch of the known notification, by a key of the file or by headers."""
    request = api.WatchNotificationRequest(notification_id=fakes.KNOWN_ID, after_sequence=after)
    metadata = bearing(headers) if isinstance(headers, str) else headers
    return client.notifications.WatchNotification(request, metadata=metadata)


async def opened(client: Client, headers: Headers | str, count: int) -> list[Any]:
    """So many watches, each of which has told its first event."""
    watches = [watch(client, headers) for _ in range(count)]
    await asyncio.gather(*(one.read() for one in watches))
    return watches


async def refused(stream: Any) -> PulseError:
    """What a watch ends with, whatever it tells before."""
    async with asyncio.timeout(10):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rest(stream)
    return from_rpc_error(caught.value)


async def rest(stream: Any) -> list[int]:
    """The numbers of the events that a watch has yet to tell, until it ends."""
    seen: list[int] = []
    while (told := await stream.read()) is not grpc.aio.EOF:
        seen.append(told.event.sequence)
    return seen


@contextlib.asynccontextmanager
async def connections(client: Client, count: int) -> AsyncIterator[list[Client]]:
    """Clients on connections of their own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with contextlib.AsyncExitStack() as stack:
        channels = [grpc.aio.insecure_channel(client.target, options=options) for _ in range(count)]
        yield [Client(await stack.enter_async_context(channel), client.target) for channel in channels]


async def test_a_thousand_watches_of_a_tenant_leave_all_calls_alone(
    keyed: Callable[..., Any], peers: fakes.Peers
) -> None:
    """They take one stream to the ledger, so calls of others, their own and the gateway's own have all their room."""
    client = await keyed(PULSE_GATEWAY_WATCHES_OF_KEY="1200")
    other = {"metadata": bearing("globex-1"), "timeout": 10}
    async with connections(client, 3) as clients:
        each = [await opened(one, "acme-1", 400) for one in clients]
        await eventually(lambda: peers.reader.timelines.followed)
        assert (peers.reader.timelines.streams_begun, peers.reader.timelines.followed) == (1, 1)
        found = api.GetNotificationRequest(notification_id=fakes.KNOWN_ID)
        for _ in range(50):
            await client.notifications.GetNotification(found, **other)
        made = await KeyServiceStub(client.channel).CreateKey(
            key_service_pb2.CreateKeyRequest(key=ApiKey(name="new", scopes=["read"])), **other
        )
        await eventually(lambda: _is_accepted(client, made.secret))
        assert max(peers.reader.timelines.questions) > 1
        await peers.reader.timelines.happen(("acme", fakes.KNOWN_ID), enums_pb2.SENT, at_rest=True)
        seen = [await rest(stream) for streams in each for stream in streams]
    assert seen == [[2]] * 1_200


async def _is_accepted(client: Client, secret: str) -> bool:
    with contextlib.suppress(grpc.aio.AioRpcError):
        request = api.GetNotificationRequest(notification_id=fakes.KNOWN_ID)
        return bool(await client.notifications.GetNotification(request, metadata=bearing(secret)))
    return False


QUOTAS = {
    "watches_of_key": ("PULSE_GATEWAY_WATCHES_OF_KEY", ["acme-1"] * 3, "acme-1", "acme-2"),
    "watches_of_tenant": ("PULSE_GATEWAY_WATCHES_OF_TENANT", ["acme-1", "acme-2", "acme-1"], "acme-2", "globex-1"),
    "watches_of_gateway": ("PULSE_GATEWAY_WATCHES_OF_GATEWAY", ["acme-1", "acme-2", "globex-1"], "globex-1", ""),
}


@pytest.mark.parametrize("name", QUOTAS)
async def test_a_quota_is_told_by_its_name_and_leaves_others_alone(keyed: Callable[..., Any], name: str) -> None:
    setting, holders, refused_key, free_key = QUOTAS[name]
    client = await keyed(**{setting: "3"})
    held = [(await opened(client, key, 1))[0] for key in holders]
    error = await refused(watch(client, refused_key))
    assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHES")
    assert [(one.subject, one.value) for one in error.quotas] == [(name, 3)]
    assert error.hint
    if free_key:
        await opened(client, free_key, 1)
    held[0].cancel()
    await eventually(lambda: _is_open(client, refused_key))


async def _is_open(client: Client, key: str) -> bool:
    with contextlib.suppress(grpc.aio.AioRpcError):
        return bool(await watch(client, key).read())
    return False


async def test_all_quotas_that_are_reached_are_told(keyed: Callable[..., Any]) -> None:
    names = [setting for setting, *_ in QUOTAS.values()]
    client = await keyed(**dict.fromkeys(names, "2"))
    await opened(client, "acme-1", 2)
    assert [one.subject for one in (await refused(watch(client, "acme-1"))).quotas] == list(QUOTAS)


async def test_a_key_has_one_quota_however_it_is_written(keyed: Callable[..., Any]) -> None:
    client = await keyed(PULSE_GATEWAY_WATCHES_OF_KEY="2")
    await opened(client, "acme-1", 1)
    await opened(client, [("x-api-key", " acme-1 ")], 1)
    for spelling in ([("authorization", "bearer acme-1")], [("authorization", "BEARER   acme-1"), ("x-api-key", "")]):
        assert (await refused(watch(client, spelling))).reason == "TOO_MANY_WATCHES"


@pytest.mark.parametrize("ending", ["its end", "its caller", "an unknown notification", "a refusal"])
async def test_a_place_is_given_back_whatever_ends_a_watch(
    keyed: Callable[..., Any], peers: fakes.Peers, ending: str
) -> None:
    client = await keyed(PULSE_GATEWAY_WATCHES_OF_KEY="1")
    if ending == "its end":
        await peers.reader.timelines.happen(("acme", fakes.KNOWN_ID), enums_pb2.SENT, at_rest=True)
    for _ in range(3):
        await eventually(lambda: _is_over(client, ending))


async def _is_over(client: Client, ending: str) -> bool:
    """Ends a watch in the way said; False if there was no place for it yet."""
    id_ = "0197a000-0000-7000-8000-00000000ffff" if ending == "an unknown notification" else fakes.KNOWN_ID
    after = -1 if ending == "a refusal" else 0
    request = api.WatchNotificationRequest(notification_id=id_, after_sequence=after)
    stream = client.notifications.WatchNotification(request, metadata=bearing("acme-1"))
    try:
        await stream.read()
    except grpc.aio.AioRpcError as error:
        return error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED
    if ending == "its caller":
        stream.cancel()
    return True


async def made_key(client: Client, **fields: Any) -> key_service_pb2.CreateKeyResponse:
    """A key of acme that only reads, which the gateway knows."""
    key = ApiKey(name="made", scopes=["read"], **fields)
    request = key_service_pb2.CreateKeyRequest(key=key)
    made = await KeyServiceStub(client.channel).CreateKey(request, metadata=bearing("acme-1"))
    await eventually(lambda: _is_accepted(client, made.secret))
    return made


async def test_a_watch_ends_when_its_key_is_revoked_and_others_go_on(
    keyed: Callable[..., Any], peers: fakes.Peers
) -> None:
    client = await keyed()
    made = await made_key(client)
    watches = await opened(client, bearing(made.secret), 5)
    (other,) = await opened(client, "acme-1", 1)
    revoke = key_service_pb2.RevokeKeyRequest(key_id=made.key.key_id)
    await KeyServiceStub(client.channel).RevokeKey(revoke, metadata=bearing("acme-1"))
    errors = [await refused(one) for one in watches]
    assert {(error.code, error.reason) for error in errors} == {(Code.UNAUTHENTICATED, "API_KEY_UNKNOWN")}
    await peers.reader.timelines.happen(("acme", fakes.KNOWN_ID), enums_pb2.SENT, at_rest=True)
    assert await rest(other) == [2]


async def test_a_watch_ends_when_its_key_expires(keyed: Callable[..., Any], clock: FixedClock) -> None:
    client = await keyed()
    made = await made_key(client, expire_time=to_timestamp(NOW + dt.timedelta(minutes=5)))
    (stream,) = await opened(client, bearing(made.secret), 1)
    clock.advance(301)
    error = await refused(stream)
    assert (error.code, error.reason) == (Code.UNAUTHENTICATED, "API_KEY_EXPIRED")


async def test_a_watch_is_no_older_than_may_be(keyed: Callable[..., Any]) -> None:
    client = await keyed(PULSE_GATEWAY_WATCH_SECONDS="1")
    error = await refused(watch(client, "acme-1"))
    assert (error.code, error.reason, error.retry_after) == (Code.UNAVAILABLE, "WATCH_INTERRUPTED", 1.0)


def lengthen(peers: fakes.Peers, count: int) -> None:
    """A long timeline of large events: more than any buffer on the way holds."""
    events = peers.reader.timelines.events["acme", fakes.KNOWN_ID]
    failure = notification_pb2.Failure(message="x" * 20_000)
    events += [notification_pb2.TimelineEvent(sequence=number + 2, failure=failure) for number in range(count)]


async def test_what_is_read_ahead_for_a_reader_that_does_not_read_is_bounded(
    keyed: Callable[..., Any], peers: fakes.Peers
) -> None:
    """Of a timeline of 100 MB, all but a few pieces of fifty events stay in the ledger."""
    lengthen(peers, 5_000)
    client = await keyed()
    stream = watch(client, "acme-1")
    await stream.read()
    await stalls(peers)
    assert len(peers.reader.timelines.questions) < 20
    seen = 1 + len([await stream.read() for _ in range(5_000)])
    assert (seen, len(peers.reader.timelines.questions) > 90) == (5_001, True)


async def test_a_reader_that_does_not_read_is_cut_off_with_its_key(
    keyed: Callable[..., Any], peers: fakes.Peers
) -> None:
    """It holds no place after that."""
    lengthen(peers, 5_000)
    client = await keyed(PULSE_GATEWAY_WATCHES_OF_TENANT="1")
    made = await made_key(client)
    async with connections(client, 1) as (slow,):
        stream = watch(slow, bearing(made.secret))
        await stream.read()
        await stalls(peers)
        revoke = key_service_pb2.RevokeKeyRequest(key_id=made.key.key_id)
        await KeyServiceStub(client.channel).RevokeKey(revoke, metadata=bearing("acme-1"))
        await eventually(lambda: _is_open(client, "acme-1"))


async def stalls(peers: fakes.Peers) -> None:
    """Returns when no more is read for a watch, as its reader does not read."""
    seen = [0]

    def is_still() -> bool:
        seen.append(len(peers.reader.timelines.questions))
        return len(seen) > 10 and seen[-1] == seen[-10]

    await eventually(is_still)
