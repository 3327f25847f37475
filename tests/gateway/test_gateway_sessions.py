"""Sessions: a key for a login, which does what its own key may, and is worth nothing after the logout."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from pulse.gateway.v1 import key_service_pb2 as api
from services.gateway.door.accepted_keys import AcceptedKeys
from services.gateway.door.auth import ApiKey, Caller
from shared import secret_keys
from shared.errors import Code
from shared.times import from_timestamp
from tests.gateway import fakes
from tests.gateway.conftest import NOW, Client, refusal
from tests.gateway.test_gateway_keys import CLERK, SENDER, bearing, create, is_accepted, is_refused, keyed, keys_of
from tests.support import eventually

__all__ = ["keyed"]  # the fixture
HOUR = dt.timedelta(hours=1)


async def begin(client: Client, headers: Any, **lifetime: int) -> api.BeginSessionResponse:
    request = api.BeginSessionRequest(lifetime=Duration(**lifetime) if lifetime else None)
    return await keys_of(client).BeginSession(request, metadata=headers)


async def end(client: Client, session: api.BeginSessionResponse, headers: Any) -> None:
    await keys_of(client).EndSession(api.EndSessionRequest(key_id=session.key.key_id), metadata=headers)


async def known(client: Client, secret: str) -> None:
    await eventually(lambda: is_accepted(client, secret))


async def test_a_session_does_what_its_key_does_under_its_name_and_ends(keyed: Client) -> None:
    session = await begin(keyed, SENDER, seconds=3600)
    key = session.key
    assert (key.name, key.tenant_id, list(key.scopes)) == ("sender", "acme", ["send"])
    assert from_timestamp(key.expire_time) == NOW + HOUR
    await known(keyed, session.secret)


async def test_it_lasts_twelve_hours_unless_one_says_otherwise(keyed: Client) -> None:
    assert from_timestamp((await begin(keyed, SENDER)).key.expire_time) == NOW + 12 * HOUR


@pytest.mark.parametrize("by", ["itself", "its key"])
async def test_after_its_end_it_is_refused(keyed: Client, by: str) -> None:
    made = await create(keyed)
    await known(keyed, made.secret)
    session = await begin(keyed, bearing(made.secret))
    await known(keyed, session.secret)
    await end(keyed, session, bearing(session.secret if by == "itself" else made.secret))
    await eventually(lambda: is_refused(keyed, session.secret))
    assert await is_accepted(keyed, made.secret)
    await end(keyed, session, bearing(made.secret))  # twice is no error


async def test_a_session_by_a_key_of_the_file_is_ended_by_that(keyed: Client) -> None:
    session = await begin(keyed, CLERK)
    await known(keyed, session.secret)
    await end(keyed, session, CLERK)
    await eventually(lambda: is_refused(keyed, session.secret))


async def test_with_its_key_every_session_ends(keyed: Client) -> None:
    made = await create(keyed)
    await known(keyed, made.secret)
    sessions = [await begin(keyed, bearing(made.secret)) for _ in "12"]
    for session in sessions:
        await known(keyed, session.secret)
    await keys_of(keyed).RevokeKey(api.RevokeKeyRequest(key_id=made.key.key_id), metadata=CLERK)
    for session in sessions:
        await eventually(lambda session=session: is_refused(keyed, session.secret))


async def test_a_session_is_nobody_elses_to_end(keyed: Client) -> None:
    mine, others = await create(keyed), await create(keyed, name="other")
    for made in (mine, others):
        await known(keyed, made.secret)
    session = await begin(keyed, bearing(mine.secret))
    for stranger in (bearing(others.secret), SENDER, CLERK):
        error = await refusal(end(keyed, session, stranger))
        assert (error.code, error.reason) == (Code.NOT_FOUND, "SESSION_NOT_FOUND")


@pytest.mark.parametrize("key_id", ["pulse_session0123456789abcdef", "pulse_0123456789abcdef", "x", "'; --"])
async def test_what_is_no_session_is_not_ended(keyed: Client, key_id: str) -> None:
    error = await refusal(keys_of(keyed).EndSession(api.EndSessionRequest(key_id=key_id), metadata=CLERK))
    assert error.reason == "SESSION_NOT_FOUND"


async def test_a_key_is_not_ended_as_a_session(keyed: Client) -> None:
    made = await create(keyed)
    await known(keyed, made.secret)
    request = api.EndSessionRequest(key_id=made.key.key_id)
    assert (await refusal(keys_of(keyed).EndSession(request, metadata=bearing(made.secret)))).reason == (
        "SESSION_NOT_FOUND"
    )


async def test_a_session_begins_no_other_and_makes_no_key_that_outlives_it(keyed: Client) -> None:
    session = await begin(keyed, CLERK)
    await known(keyed, session.secret)
    bearer = bearing(session.secret)
    assert (await refusal(begin(keyed, bearer))).reason == "SESSION_OF_SESSION"
    assert (await refusal(create(keyed, bearer))).reason == "KEY_OUTLIVES"


@pytest.mark.parametrize("lifetime", [{"seconds": 0}, {"seconds": -1}, {"seconds": 31 * 86_400 + 1}])
async def test_a_lifetime_that_cannot_be_is_refused(keyed: Client, lifetime: dict[str, int]) -> None:
    assert (await refusal(begin(keyed, CLERK, **lifetime))).code is Code.INVALID_ARGUMENT


async def test_without_a_key_there_is_no_session(client: Client) -> None:
    assert (await refusal(begin(client, ()))).reason == "SESSION_WITHOUT_KEY"


async def test_who_has_no_key_begins_none(keyed: Client) -> None:
    assert (await refusal(begin(keyed, bearing("guessed")))).code is Code.UNAUTHENTICATED


async def test_what_is_kept_is_a_hash(keyed: Client, peers: fakes.Peers) -> None:
    session = await begin(keyed, CLERK)
    (record,) = peers.reader.keys.values()
    assert record.digest == secret_keys.digest(session.secret)
    assert session.secret not in str(record)


def of_ledger(key_id: str, **caller: Any) -> ApiKey:
    values = {"tenant_id": "acme", "actor": "clerk", "scopes": frozenset({"send"}), "key_id": key_id} | caller
    return ApiKey(Caller(**values), secret_keys.digest(key_id), key_id, values.get("expires_at"))


@pytest.mark.parametrize(
    ("held", "lives"),
    [
        ({}, True),
        ({"scopes": frozenset({"send", "read"})}, True),
        ({"scopes": frozenset({"read"})}, False),
        ({"actor": "other"}, False),
        ({"tenant_id": "other"}, False),
    ],
)
def test_a_session_of_the_files_key_lives_as_long_as_the_file_has_that(held: dict[str, Any], lives: bool) -> None:
    made = secret_keys.make_session("")
    session = ApiKey(of_ledger("").caller, made.digest, made.key_id)
    keys = AcceptedKeys([ApiKey(of_ledger("", **held).caller, b"x" * 32)])
    keys.change([session])
    assert (keys.find(made.secret) is not None) == lives


def test_a_session_ends_no_later_than_its_key() -> None:
    parent = secret_keys.make()
    made = secret_keys.make_session(parent.key_id)
    ends = {"its own": NOW + 2 * HOUR, "its key's": NOW + HOUR}
    keys = AcceptedKeys([])
    keys.change(
        [
            ApiKey(of_ledger("").caller, parent.digest, parent.key_id, ends["its key's"]),
            ApiKey(of_ledger("").caller, made.digest, made.key_id, ends["its own"]),
        ]
    )
    found = keys.find(made.secret)
    assert found is not None and found.expires_at == ends["its key's"]
    keys.forget([parent.key_id])
    assert keys.find(made.secret) is None


def test_a_sessions_name_tells_who_began_it() -> None:
    parent = secret_keys.make().key_id
    of_key, of_file = secret_keys.make_session(parent), secret_keys.make_session("")
    assert [secret_keys.begun_by(one.key_id) for one in (of_key, of_file)] == [parent, ""]
    assert [secret_keys.key_id(one.secret) for one in (of_key, of_file)] == [of_key.key_id, of_file.key_id]
    assert all(secret_keys.is_of_session(one.key_id) and len(one.key_id) <= 64 for one in (of_key, of_file))
    assert not secret_keys.is_of_session(parent)
