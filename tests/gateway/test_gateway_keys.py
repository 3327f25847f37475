"""API keys: made, listed, rotated, revoked, and known to every gateway within seconds."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from pulse.common.v1.key_pb2 import ApiKey
from pulse.gateway.v1 import key_service_pb2 as api
from pulse.gateway.v1.key_service_pb2_grpc import KeyServiceStub
from pulse.gateway.v1.operations_service_pb2 import GetQueueDepthsRequest
from pulse.ledger.v1.ledger_reader_pb2 import KeyRecord
from services.gateway.door.accepted_keys import AcceptedKeys
from services.gateway.door.auth import ApiKey as Known
from services.gateway.door.auth import Caller
from shared import secret_keys
from shared.clock import FixedClock
from shared.errors import Code
from shared.times import to_timestamp
from tests.gateway import fakes
from tests.gateway.conftest import NOW, Client, refusal
from tests.support import eventually

FAST = {"PULSE_AUTH": "required", "PULSE_GATEWAY_KEYS_SECONDS": "0.02"}


def bearing(secret: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {secret}")]


ROOT, CLERK, SENDER = bearing("root"), bearing("clerk"), bearing("sender")


@pytest.fixture
async def keyed(serve: Any, tmp_path: Path) -> Client:
    """A gateway with three keys in its file: of the platform, of who keeps acme's keys, and of who only sends."""
    held = {
        "root": ("platform", ["administer", "keys", "send", "read", "operate", "templates"]),
        "clerk": ("acme", ["keys", "send", "read"]),
        "sender": ("acme", ["send"]),
    }
    path = tmp_path / "keys.json"
    entries = [
        {"tenant": tenant, "name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), "scopes": scopes}
        for name, (tenant, scopes) in held.items()
    ]
    path.write_text(json.dumps(entries))
    return await serve(**FAST, PULSE_GATEWAY_API_KEYS_FILE=str(path))


def keys_of(client: Client) -> Any:
    return KeyServiceStub(client.channel)


async def create(client: Client, headers: Any = CLERK, **fields: Any) -> api.CreateKeyResponse:
    key = ApiKey(**({"name": "checkout", "scopes": ["send"]} | fields))
    return await keys_of(client).CreateKey(api.CreateKeyRequest(key=key), metadata=headers)


async def is_accepted(client: Client, secret: str) -> bool:
    """Whether the gateway knows the key. What it may do with it is another matter."""
    try:
        await client.operations.GetQueueDepths(GetQueueDepthsRequest(), metadata=bearing(secret))
    except grpc.aio.AioRpcError as error:
        return error.code() is not grpc.StatusCode.UNAUTHENTICATED
    return True


async def is_refused(client: Client, secret: str) -> bool:
    return not await is_accepted(client, secret)


async def test_a_key_is_told_once_and_kept_as_a_hash(keyed: Client, peers: fakes.Peers) -> None:
    made = await create(keyed)
    (record,) = peers.reader.keys.values()
    assert made.secret.startswith(f"{made.key.key_id}_")
    assert record.digest == hashlib.sha256(made.secret.encode()).digest()
    assert (record.key.tenant_id, record.key.name, list(record.key.scopes)) == ("acme", "checkout", ["send"])
    listed = await keys_of(keyed).ListKeys(api.ListKeysRequest(), metadata=CLERK)
    assert [key.key_id for key in listed.keys] == [made.key.key_id]
    assert made.secret not in str(listed)


async def test_a_new_key_is_accepted_and_a_revoked_one_refused_within_seconds(keyed: Client) -> None:
    made = await create(keyed)
    await eventually(lambda: is_accepted(keyed, made.secret))
    await keys_of(keyed).RevokeKey(api.RevokeKeyRequest(key_id=made.key.key_id), metadata=CLERK)
    await eventually(lambda: is_refused(keyed, made.secret))


async def test_keys_go_on_while_the_ledger_is_away(keyed: Client, peers: fakes.Peers) -> None:
    made = await create(keyed)
    await eventually(lambda: is_accepted(keyed, made.secret))
    peers.reader.keys_away = True
    assert await is_accepted(keyed, made.secret)
    assert not await is_accepted(keyed, secret_keys.make().secret)


async def test_a_key_that_cannot_be_read_holds_up_no_other(keyed: Client, peers: fakes.Peers) -> None:
    broken = KeyRecord(digest=b"?", key=ApiKey(key_id="pulse_broken", tenant_id="acme"))
    broken.key.expire_time.seconds = 2**60
    peers.reader.keys[broken.key.key_id] = broken
    made = await create(keyed)
    await eventually(lambda: is_accepted(keyed, made.secret))
    await keys_of(keyed).RevokeKey(api.RevokeKeyRequest(key_id=made.key.key_id), metadata=CLERK)
    await eventually(lambda: is_refused(keyed, made.secret))


async def test_before_the_ledger_was_ever_asked_a_key_of_its_kind_is_not_called_unknown(
    serve: Any, peers: fakes.Peers
) -> None:
    peers.reader.keys_away = True
    client = await serve(**FAST)
    error = await refusal(client.send(headers=bearing(secret_keys.make().secret)))
    assert (error.code, error.reason) == (Code.UNAVAILABLE, "API_KEYS_UNKNOWN_YET")
    assert error.retry_after
    error = await refusal(client.send(headers=bearing("guess")))
    assert (error.code, error.reason) == (Code.UNAUTHENTICATED, "API_KEY_UNKNOWN")


async def test_a_key_ends_at_its_time(keyed: Client, clock: FixedClock) -> None:
    made = await create(keyed, expire_time={"seconds": int(NOW.timestamp()) + 60})
    await eventually(lambda: is_accepted(keyed, made.secret))
    clock.advance(60)
    error = await refusal(keyed.send(headers=bearing(made.secret)))
    assert (error.code, error.reason) == (Code.UNAUTHENTICATED, "API_KEY_EXPIRED")


async def test_rotation_gives_another_key_and_lets_the_old_one_end_later(keyed: Client, clock: FixedClock) -> None:
    old = await create(keyed)
    request = api.RotateKeyRequest(key_id=old.key.key_id, overlap={"seconds": 60})
    new = await keys_of(keyed).RotateKey(request, metadata=CLERK)
    assert (new.key.name, list(new.key.scopes)) == ("checkout", ["send"])
    await eventually(lambda: is_accepted(keyed, new.secret))
    assert await is_accepted(keyed, old.secret)
    clock.advance(61)
    await eventually(lambda: is_refused(keyed, old.secret))
    assert await is_accepted(keyed, new.secret)


async def test_a_key_that_has_ended_is_not_rotated(keyed: Client, clock: FixedClock) -> None:
    revoked = await create(keyed)
    await keys_of(keyed).RevokeKey(api.RevokeKeyRequest(key_id=revoked.key.key_id), metadata=CLERK)
    expired = await create(keyed, expire_time=to_timestamp(NOW.replace(minute=1)))
    clock.advance(3600)
    for made in (revoked, expired):
        error = await refusal(keys_of(keyed).RotateKey(api.RotateKeyRequest(key_id=made.key.key_id), metadata=CLERK))
        assert (error.code, error.reason) == (Code.FAILED_PRECONDITION, "KEY_ENDED")


@pytest.mark.parametrize(
    "headers, fields, code, reason",
    [
        (SENDER, {}, Code.PERMISSION_DENIED, "SCOPE_MISSING"),
        (CLERK, {"scopes": ["operate"]}, Code.PERMISSION_DENIED, "SCOPE_MISSING"),
        (CLERK, {"scopes": ["send", "administer"]}, Code.PERMISSION_DENIED, "SCOPE_MISSING"),
        (CLERK, {"tenant_id": "other"}, Code.PERMISSION_DENIED, "SCOPE_MISSING"),
        (ROOT, {"scopes": ["everything"]}, Code.INVALID_ARGUMENT, "INVALID_FIELDS"),
        (ROOT, {"scopes": []}, Code.INVALID_ARGUMENT, "INVALID_FIELDS"),
        (ROOT, {"name": "a b"}, Code.INVALID_ARGUMENT, "INVALID_FIELDS"),
        (ROOT, {"tenant_id": "a\0b"}, Code.INVALID_ARGUMENT, "INVALID_FIELDS"),
        (ROOT, {"expire_time": {"seconds": 1}}, Code.INVALID_ARGUMENT, "INVALID_FIELDS"),
    ],
)
async def test_nobody_gives_what_he_has_not(
    keyed: Client, peers: fakes.Peers, headers: Any, fields: Any, code: Code, reason: str
) -> None:
    error = await refusal(create(keyed, headers, **fields))
    assert (error.code, error.reason) == (code, reason)
    assert not peers.reader.keys


async def test_rotation_is_no_way_to_a_key_that_may_more(keyed: Client, peers: fakes.Peers) -> None:
    strong = await create(keyed, ROOT, tenant_id="acme", scopes=["operate"])
    error = await refusal(keys_of(keyed).RotateKey(api.RotateKeyRequest(key_id=strong.key.key_id), metadata=CLERK))
    assert (error.code, error.reason) == (Code.PERMISSION_DENIED, "SCOPE_MISSING")
    assert len(peers.reader.keys) == 1


async def test_nobody_revokes_a_key_that_may_more(keyed: Client, peers: fakes.Peers) -> None:
    strong = await create(keyed, ROOT, tenant_id="acme", scopes=["operate"])
    error = await refusal(keys_of(keyed).RevokeKey(api.RevokeKeyRequest(key_id=strong.key.key_id), metadata=CLERK))
    assert (error.code, error.reason) == (Code.PERMISSION_DENIED, "SCOPE_MISSING")
    await eventually(lambda: is_accepted(keyed, strong.secret))


async def test_a_key_makes_none_that_outlives_it(keyed: Client) -> None:
    end = int(NOW.timestamp()) + 3600
    mortal = await create(keyed, scopes=["send", "keys"], expire_time={"seconds": end})
    await eventually(lambda: is_accepted(keyed, mortal.secret))
    own = bearing(mortal.secret)
    for later in ({}, {"expire_time": {"seconds": end + 1}}):
        error = await refusal(create(keyed, own, **later))
        assert (error.code, error.reason) == (Code.PERMISSION_DENIED, "KEY_OUTLIVES")
    assert (await create(keyed, own, expire_time={"seconds": end})).secret
    endless = await create(keyed)
    error = await refusal(keys_of(keyed).RotateKey(api.RotateKeyRequest(key_id=endless.key.key_id), metadata=own))
    assert error.reason == "KEY_OUTLIVES"


async def test_a_rotated_key_keeps_its_end(keyed: Client) -> None:
    end = int(NOW.timestamp()) + 3600
    old = await create(keyed, expire_time={"seconds": end})
    new = await keys_of(keyed).RotateKey(api.RotateKeyRequest(key_id=old.key.key_id), metadata=CLERK)
    assert new.key.expire_time.seconds == end


async def test_keys_that_nobody_could_have_revoked_in_time_are_refused(serve: Any, peers: fakes.Peers) -> None:
    """The ledger is away for longer than a revocation may take; a key of the gateway's own file needs no ledger."""
    made = secret_keys.make()
    peers.reader.keys[made.key_id] = KeyRecord(
        digest=made.digest, key=ApiKey(key_id=made.key_id, tenant_id="acme", name="x", scopes=["send"])
    )
    peers.reader.keys_revision = 1
    client = await serve(**FAST, PULSE_GATEWAY_KEYS_STALE_SECONDS="0.2")
    await eventually(lambda: is_accepted(client, made.secret))
    peers.reader.keys_away = True

    async def is_stale() -> bool:
        error = await refusal(client.send(headers=bearing(made.secret)))
        return (error.code, error.reason) == (Code.UNAVAILABLE, "API_KEYS_STALE") and bool(error.retry_after)

    await eventually(is_stale)
    peers.reader.keys_away = False
    await eventually(lambda: is_accepted(client, made.secret))


async def test_who_administers_the_platform_makes_keys_for_any_tenant(keyed: Client) -> None:
    made = await create(keyed, ROOT, tenant_id="other", scopes=["keys"])
    listed = await keys_of(keyed).ListKeys(api.ListKeysRequest(tenant_id="other"), metadata=ROOT)
    assert [key.key_id for key in listed.keys] == [made.key.key_id]
    request = api.RevokeKeyRequest(key_id=made.key.key_id, tenant_id="other")
    assert (await keys_of(keyed).RevokeKey(request, metadata=ROOT)).HasField("revoke_time")


async def test_another_tenants_key_is_not_found(keyed: Client) -> None:
    made = await create(keyed, ROOT, tenant_id="other")
    for call in (
        keys_of(keyed).RevokeKey(api.RevokeKeyRequest(key_id=made.key.key_id), metadata=CLERK),
        keys_of(keyed).RotateKey(api.RotateKeyRequest(key_id=made.key.key_id), metadata=CLERK),
    ):
        assert (await refusal(call)).reason == "KEY_NOT_FOUND"
    error = await refusal(keys_of(keyed).ListKeys(api.ListKeysRequest(tenant_id="other"), metadata=CLERK))
    assert error.metadata == {"scope": "administer"}


def test_the_public_part_of_a_key_opens_nothing() -> None:
    made, other = secret_keys.make(), secret_keys.make()
    keys = AcceptedKeys([])
    keys.change([Known(Caller("acme", "x", frozenset()), made.digest, made.key_id)])
    assert keys.find(made.secret)
    assert not keys.find(made.key_id)
    assert not keys.find(made.key_id + other.secret.removeprefix(other.key_id))
    assert not keys.find(made.secret + "0")
