"""Of a mail address, upper and lower case are one: wherever it is looked for, counted or compared."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from pulse.common.v1 import enums_pb2, recipient_pb2
from pulse.ledger.v1 import records_pb2
from services.gateway.rules.addresses import Addresses
from services.ledger import migrate as migrating
from services.ledger.rules.recipients import Reason as Why
from services.ledger.rules.recipients import Suppression
from services.router.rules.quota import address_key as window_of_address
from shared.channel.address_keys import address_key
from shared.channel.table import Address, Channel
from tests.ledger.calls import Calls, Outcome
from tests.ledger.test_digests import news
from tests.ledger.test_migrations import _to
from tests.ledger.test_recipients import Recipients

EMAIL = enums_pb2.EMAIL
Reason = recipient_pb2.Suppression

#: Two addresses of a channel (None: not known), and whether they are one.
PAIRS = [
    ("EMAIL", "Ada@example.com", "ada@example.com", True),
    ("EMAIL", "ADA.LOVELACE+News@example.com", "ada.lovelace+news@example.com", True),
    ("EMAIL", "ada@EXAMPLE.com", "ada@example.com", True),
    ("EMAIL", "ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example", True),
    ("EMAIL", "ada.l@gmail.com", "adal@gmail.com", False),
    ("EMAIL", "ada+a@example.com", "ada@example.com", False),
    ("EMAIL", "ada@googlemail.com", "ada@gmail.com", False),
    ("EMAIL", "'Ada'@example.com", "ada@example.com", False),
    ("SMS", "+4915112345678", "+4915112345678", True),
    ("SMS", "+4915112345678", "+4915112345679", False),
    ("PUSH", "Token", "token", False),
    ("PUSH", "Token@x", "token@x", False),
    (None, "Ada@example.com", "ada@example.com", True),
    (None, "Token", "token", False),
]


@pytest.mark.parametrize(("channel", "one", "other", "same"), PAIRS)
def test_two_addresses_are_one_or_not(channel: str | None, one: str, other: str, same: bool) -> None:
    assert (address_key(channel, one) == address_key(channel, other)) is same
    if channel:
        assert (window_of_address("acme", channel, one) == window_of_address("acme", channel, other)) is same


@pytest.mark.parametrize("form", ["Ada@bücher.example", "ADA@BÜCHER.example", "ada@xn--bcher-kva.EXAMPLE"])
def test_every_form_of_a_domain_is_one(form: str) -> None:
    assert address_key("EMAIL", Addresses().normalise(Address.MAILBOX, form)) == "ada@xn--bcher-kva.example"


@pytest.fixture
def recipients(calls: Calls) -> Recipients:
    return Recipients(calls)


@pytest.mark.parametrize(
    ("suppressed", "to"), [("bob@example.com", "BOB@example.com"), ("Bob@Example.com", "bob@example.com")]
)
@pytest.mark.parametrize("channel", [EMAIL, enums_pb2.CHANNEL_UNSPECIFIED])
async def test_a_suppression_holds_at_acceptance_and_at_the_claim(
    calls: Calls, recipients: Recipients, suppressed: str, to: str, channel: Any
) -> None:
    before = await calls.recorded(to=to)
    await recipients.suppress(channel=channel, address=suppressed)
    assert await calls.claim(before) == []
    assert await calls.status(before) == "SUPPRESSED"
    assert await calls.status(await calls.recorded(to=to)) == "SUPPRESSED"
    assert await calls.status(await calls.recorded(to="b.ob@example.com")) == "QUEUED"


async def test_it_is_one_suppression_whoever_made_it_and_lifted_as_one(calls: Calls, recipients: Recipients) -> None:
    first = await recipients.suppress(channel=EMAIL, address="Bob@example.com", reason=Reason.BOUNCE)
    assert await recipients.suppress(channel=EMAIL, address="bob@EXAMPLE.com", reason=Reason.BOUNCE) == first
    await recipients.lift(first.suppression_id)
    assert await recipients.suppressions() == []


async def test_a_provider_s_word_holds_for_it_too_and_is_kept_once(calls: Calls, recipients: Recipients) -> None:
    refs = [await calls.recorded(to=to) for to in ("Bob@example.com", "BOB@example.com")]
    for claimed in await calls.claim(*refs):
        await calls.end(claimed, Outcome.PERMANENT_FAILURE, rejection=records_pb2.GONE)
    (found,) = await recipients.suppressions()
    assert found.address.lower() == "bob@example.com"
    assert await calls.status(await calls.recorded(to="bob@example.com")) == "SUPPRESSED"


async def test_a_digest_collects_for_it(calls: Calls) -> None:
    entries = [news(calls, number, to=to) for number, to in enumerate(["Bob@example.com", "bob@example.com"])]
    for entry in entries:
        await calls.record(entry)
    assert [await calls.status(entry.ref) for entry in entries] == ["SCHEDULED", "SUPPRESSED"]


#: Rows of before: channel, address, category, reason.
OLD = [
    ("EMAIL", "Bob@example.com", "", "BOUNCE"),
    ("EMAIL", "BOB@example.com", "", "BOUNCE"),
    ("EMAIL", "bob@example.com", "", "BOUNCE"),
    ("EMAIL", "Bob@example.com", "", "MANUAL"),
    ("EMAIL", "Bob@example.com", "Ängste", "UNSUBSCRIBE"),
    (None, "Eve@example.com", "", "MANUAL"),
    ("EMAIL", "ada@example.com", "", "BOUNCE"),
    (None, "Token", "", "MANUAL"),
    ("SMS", "+4915112345678", "", "MANUAL"),
    ("EMAIL", "", "", "UNSUBSCRIBE"),
]


#: Enough for several of the migration's batches.
USERS = 400


def fill(url: str) -> None:
    """A database of before, with all of these for each user."""
    with psycopg.connect(url, autocommit=True) as connection:
        for number, said in enumerate(OLD):
            digest = hashlib.sha256(json.dumps(said).encode()).digest()
            connection.execute(
                "INSERT INTO suppressions SELECT 'acme', 'user-' || n, %s, gen_random_uuid(), %s, %s, %s, %s, "
                "now() + %s * interval '1 minute' FROM generate_series(1, %s) n",
                [digest, *said, number, USERS],
            )
        # Ids begin with their time, by which the oldest is told.
        connection.execute(
            "UPDATE suppressions SET suppression_id = (lpad(to_hex(extract(epoch FROM created_at)::bigint), 12, '0')"
            " || substr(replace(suppression_id::text, '-', ''), 13))::uuid"
        )


@pytest.mark.parametrize("superuser", [True, False])
def test_suppressions_of_before_are_migrated_and_none_is_lost(
    postgres_server: str, database_url: str, superuser: bool
) -> None:
    """Also by an owner for whom row-level security holds."""
    url = make_url(database_url)
    login = f"owner_{uuid.uuid4().hex}"
    _to(database_url, "0011")
    fill(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{url.password}' {'SUPERUSER' if superuser else ''}")
        connection.execute(f"GRANT pulse_app, pulse_platform TO {login}")
        for (table,) in connection.execute(
            "SELECT format('%I', relname) FROM pg_class WHERE relname ~ '^(sup|alem)' AND relkind = 'r'"
        ).fetchall():
            connection.execute(f"ALTER TABLE {table} OWNER TO {login}")
        as_login = url.set(username=login).render_as_string(hide_password=False)
        migrating._upgrade(migrating._engine(as_login), "0012")
        found = connection.execute(
            "SELECT user_id, digest, channel, address, category, reason FROM suppressions ORDER BY suppression_id"
        ).fetchall()
        connection.execute(f"REASSIGN OWNED BY {login} TO CURRENT_USER; DROP OWNED BY {login}; DROP ROLE {login}")
    kept = [OLD[0], *OLD[3:]]
    for user in ("user-1", f"user-{USERS}"):
        assert [row[2:] for row in found if row[0] == user] == kept
    assert len(found) == USERS * len(kept)
    for _, digest, channel, address, category, reason in found:
        said = Suppression(channel and Channel[channel], address, category, Why(reason))
        assert bytes(digest) == said.digest()
