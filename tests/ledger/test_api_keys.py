"""API keys as the ledger keeps them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pulse.common.v1.key_pb2 import ApiKey
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from services.ledger import first_key
from services.ledger.config import LedgerSettings
from shared import secret_keys
from shared.errors import Code, PulseError
from shared.rpc.channels import call
from shared.times import to_duration, to_timestamp
from tests.ledger.calls import Calls, moment
from tests.ledger.conftest import NOON


async def created(calls: Calls, name: str = "checkout", tenant_id: str = "acme", **fields: Any) -> ApiKey:
    made = secret_keys.make()
    values = {"key_id": made.key_id, "name": name, "tenant_id": tenant_id, "scopes": ["send", "read"]} | fields
    request = ledger_admin_pb2.CreateKeyRequest(key=ApiKey(**values), digest=made.digest)
    return (await call(calls.admin.CreateKey, request)).key


async def ended(calls: Calls, key: ApiKey, after: float | None = None, tenant_id: str = "acme") -> ApiKey:
    request = ledger_admin_pb2.EndKeyRequest(
        tenant_id=tenant_id, key_id=key.key_id, after=None if after is None else to_duration(after)
    )
    return (await call(calls.admin.EndKey, request)).key


async def listed(calls: Calls, tenant_id: str = "", known_revision: int = 0) -> ledger_reader_pb2.ListKeysResponse:
    request = ledger_reader_pb2.ListKeysRequest(tenant_id=tenant_id, known_revision=known_revision)
    return await call(calls.reader.ListKeys, request)


def names(answer: ledger_reader_pb2.ListKeysResponse) -> list[str]:
    return [record.key.name for record in answer.keys]


async def test_a_key_is_kept_with_its_hash_and_without_its_secret(calls: Calls, database: Any):
    made = secret_keys.make()
    key = ApiKey(key_id=made.key_id, name="checkout", tenant_id="acme", scopes=["send"])
    await call(calls.admin.CreateKey, ledger_admin_pb2.CreateKeyRequest(key=key, digest=made.digest))
    (record,) = (await listed(calls)).keys
    assert (record.digest, record.key.key_id, moment(record.key.create_time)) == (made.digest, made.key_id, NOON)
    assert secret_keys.digest(made.secret) == made.digest
    assert made.secret.removeprefix(made.key_id) not in str(database.rows("SELECT * FROM api_keys"))


async def test_a_tenant_is_told_its_own_keys_the_last_made_first_and_no_hashes(calls: Calls, clock: Any):
    await created(calls, "first")
    clock.advance(1)
    ended_one = await created(calls, "second")
    await created(calls, "foreign", tenant_id="other")
    await ended(calls, ended_one)
    answer = await listed(calls, "acme")
    assert names(answer) == ["second", "first"]
    assert not any(record.digest for record in answer.keys)


async def test_gateways_are_told_of_all_tenants_what_is_accepted_now(calls: Calls, clock: Any):
    await created(calls, "endless")
    await created(calls, "over", expire_time=to_timestamp(NOON + dt.timedelta(seconds=30)))
    revoked = await created(calls, "revoked", tenant_id="other")
    assert sorted(names(await listed(calls))) == ["endless", "over", "revoked"]
    clock.advance(60)
    await ended(calls, revoked, tenant_id="other")
    assert names(await listed(calls)) == ["endless"]


async def test_who_knows_the_revision_is_told_no_keys(calls: Calls):
    assert (await listed(calls)).revision == 0
    key = await created(calls)
    known = (await listed(calls)).revision
    assert names(await listed(calls, known_revision=known)) == []
    await ended(calls, key)
    answer = await listed(calls, known_revision=known)
    assert (names(answer), answer.revision) == ([], known + 1)


async def test_a_revoked_key_stays_revoked_and_an_earlier_end_stays(calls: Calls, clock: Any):
    key = await created(calls)
    assert moment((await ended(calls, key, after=60)).expire_time) == NOON + dt.timedelta(seconds=60)
    assert moment((await ended(calls, key, after=600)).expire_time) == NOON + dt.timedelta(seconds=60)
    assert moment((await ended(calls, key)).revoke_time) == NOON
    clock.advance(5)
    assert moment((await ended(calls, key)).revoke_time) == NOON


async def test_another_tenants_key_cannot_be_ended(calls: Calls):
    key = await created(calls)
    with pytest.raises(PulseError) as caught:
        await ended(calls, key, tenant_id="other")
    assert (caught.value.code, caught.value.reason) == (Code.NOT_FOUND, "KEY_NOT_FOUND")
    assert not (await listed(calls)).keys[0].key.HasField("revoke_time")


async def test_an_id_that_is_taken_is_refused(calls: Calls):
    key = await created(calls)
    with pytest.raises(PulseError) as caught:
        await created(calls, key_id=key.key_id)
    assert caught.value.code is Code.ALREADY_EXISTS


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"tenant_id": ""}, "key.tenant_id"),
        ({"key_id": ""}, "key.key_id"),
        ({"scopes": []}, "key.scopes"),
        ({"name": "no spaces"}, "key.name"),
    ],
)
async def test_what_cannot_be_a_key_is_refused_by_name(calls: Calls, fields: dict[str, Any], field: str):
    with pytest.raises(PulseError) as caught:
        await created(calls, **fields)
    assert field in {one.field for one in caught.value.violations}


async def test_the_first_key_is_made_in_the_database(calls: Calls, settings: LedgerSettings):
    secret = await first_key.create(settings, "default", "root", ["administer", "keys"])
    (record,) = (await listed(calls)).keys
    assert record.digest == secret_keys.digest(secret)
    assert (record.key.key_id, record.key.name) == (secret_keys.key_id(secret), "root")
    assert list(record.key.scopes) == ["administer", "keys"]


@pytest.mark.parametrize("arguments", [[], ["--name", "no spaces"], ["--name", "x", "--scopes", "send,everything"]])
def test_a_first_key_that_cannot_be_is_wrong_usage(arguments: list[str]):
    with pytest.raises(SystemExit) as ended:
        first_key.main(arguments)
    assert ended.value.code == 2


async def session(calls: Calls, begun_by: str = "", **fields: Any) -> ApiKey:
    made = secret_keys.make_session(begun_by)
    ends = to_timestamp(NOON + dt.timedelta(hours=12))
    return await created(calls, key_id=made.key_id, **{"expire_time": ends, **fields})


async def test_sessions_are_told_to_gateways_and_stand_in_no_list(calls: Calls):
    key = await created(calls)
    one = await session(calls, key.key_id)
    assert {record.key.key_id for record in (await listed(calls)).keys} == {key.key_id, one.key_id}
    assert [record.key.key_id for record in (await listed(calls, "acme")).keys] == [key.key_id]
    request = ledger_reader_pb2.ListKeysRequest(tenant_id="acme", key_id=one.key_id)
    (found,) = (await call(calls.reader.ListKeys, request)).keys
    assert found.key.key_id == one.key_id


async def test_sessions_that_ended_are_forgotten_when_another_is_begun(calls: Calls, clock: Any, database: Any):
    revoked, expired, live = [await session(calls) for _ in "123"]
    await ended(calls, revoked)
    await ended(calls, expired, after=60)
    clock.advance(3600 + 59)
    key = await created(calls)
    await ended(calls, key)
    last = await session(calls)
    rows = database.rows("SELECT key_id FROM api_keys")
    assert {row[0] for row in rows} == {expired.key_id, live.key_id, key.key_id, last.key_id}
