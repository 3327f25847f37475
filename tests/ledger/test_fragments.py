"""Fragments as the ledger keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from psycopg.errors import InsufficientPrivilege

from pulse.common.v1 import enums_pb2, fragment_pb2, template_pb2
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from services.ledger.config import LedgerSettings
from services.ledger.postgres import tenancy
from services.ledger.postgres.postgres import Postgres
from services.ledger.rules.templates import Fragment
from services.ledger.stores.fragment_store import FragmentStore
from services.ledger.stores.tenant_caps import Subject, TenantCaps
from shared.errors import Code, PulseError
from shared.rpc.channels import call
from tests.ledger.calls import TENANT, Calls, moment, template
from tests.ledger.conftest import NOON
from tests.ledger.test_template_versions import create as create_template
from tests.ledger.test_template_versions import delete as delete_template
from tests.ledger.test_template_versions import get as get_template
from tests.ledger.test_template_versions import update as update_template


def fragment(name: str = "footer", body: str = "Bye", **fields: Any) -> fragment_pb2.Fragment:
    contents = fields.pop("contents", [fragment_pb2.FragmentContent(body=body)])
    return fragment_pb2.Fragment(name=name, contents=contents, **fields)


async def create(calls: Calls, given: fragment_pb2.Fragment, tenant_id: str = TENANT) -> fragment_pb2.Fragment:
    request = ledger_admin_pb2.CreateFragmentRequest(tenant_id=tenant_id, fragment=given)
    return (await call(calls.admin.CreateFragment, request)).fragment


async def update(
    calls: Calls, given: fragment_pb2.Fragment, *templates: template_pb2.Template, tenant_id: str = TENANT
) -> fragment_pb2.Fragment:
    request = ledger_admin_pb2.UpdateFragmentRequest(tenant_id=tenant_id, fragment=given, templates=templates)
    return (await call(calls.admin.UpdateFragment, request)).fragment


async def delete(calls: Calls, name: str = "footer", tenant_id: str = TENANT) -> None:
    await call(calls.admin.DeleteFragment, ledger_admin_pb2.DeleteFragmentRequest(tenant_id=tenant_id, name=name))


async def get(calls: Calls, name: str = "footer", version: int = 0, tenant_id: str = TENANT) -> fragment_pb2.Fragment:
    request = ledger_reader_pb2.GetFragmentRequest(tenant_id=tenant_id, name=name, version=version)
    return (await call(calls.reader.GetFragment, request)).fragment


async def several(calls: Calls, *names: str) -> ledger_reader_pb2.GetFragmentsResponse:
    request = ledger_reader_pb2.GetFragmentsRequest(tenant_id=TENANT, names=names)
    return await call(calls.reader.GetFragments, request)


def using(name: str = "welcome", version: int = 0, **pins: int) -> template_pb2.Template:
    """A template that takes these versions of fragments in."""
    made = template(name=name, version=version)
    made.fragments.extend(fragment_pb2.FragmentPin(name=one, version=at) for one, at in pins.items())
    return made


def uses(found: fragment_pb2.Fragment) -> list[tuple[str, int, int]]:
    return [(use.template_name, use.template_version, use.fragment_version) for use in found.used_by]


async def refusal(of: Any) -> PulseError:
    with pytest.raises(PulseError) as caught:
        await of
    return caught.value


async def test_a_fragment_comes_back_as_it_was_given(calls: Calls):
    contents = [
        fragment_pb2.FragmentContent(channel=enums_pb2.EMAIL, locale="de", body="<p>Tschüs</p>"),
        fragment_pb2.FragmentContent(body="Bye {{ name }}"),
    ]
    given = fragment(contents=contents, fragments=["address"])
    await create(calls, given)
    found = await get(calls)
    assert (found.version, moment(found.create_time), moment(found.update_time)) == (1, NOON, NOON)
    for field in ("version", "create_time", "update_time"):
        found.ClearField(field)
    assert found == given


async def test_versions_never_change_and_outlive_the_fragment(calls: Calls, clock: Any):
    await create(calls, fragment(body="one"))
    clock.advance(60)
    second = await update(calls, fragment(body="two"))
    assert (second.version, (moment(second.update_time) - NOON).total_seconds()) == (2, 60)
    await delete(calls)
    assert [(await get(calls, version=n)).contents[0].body for n in (1, 2)] == ["one", "two"]
    assert (await refusal(get(calls))).reason == "FRAGMENT_NOT_FOUND"
    assert (await create(calls, fragment(body="three"))).version == 3


async def test_what_is_not_there_and_what_is_there_already_is_refused(calls: Calls):
    for of in (get(calls), update(calls, fragment()), delete(calls), get(calls, "\ufffd")):
        error = await refusal(of)
        assert (error.code, error.reason) == (Code.NOT_FOUND, "FRAGMENT_NOT_FOUND")
    await create(calls, fragment())
    assert (await refusal(create(calls, fragment()))).reason == "FRAGMENT_EXISTS"
    assert (await refusal(get(calls, version=2))).reason == "FRAGMENT_NOT_FOUND"


async def test_tenants_do_not_see_each_others_fragments(calls: Calls):
    await create(calls, fragment(body="ours"))
    await create(calls, fragment(body="theirs"), tenant_id="other")
    assert (await get(calls)).contents[0].body == "ours"
    await delete(calls, tenant_id="other")
    assert (await get(calls)).contents[0].body == "ours"
    assert (await refusal(get(calls, tenant_id="other"))).reason == "FRAGMENT_NOT_FOUND"


async def test_fragments_are_listed_by_name_in_pages(calls: Calls):
    for name in ("b", "a", "c"):
        await create(calls, fragment(name))
    await update(calls, fragment("a", "newer"))
    await delete(calls, "c")
    request = ledger_reader_pb2.ListFragmentsRequest(tenant_id=TENANT, page_size=1)
    first = await call(calls.reader.ListFragments, request)
    request.page_token = first.next_page_token
    second = await call(calls.reader.ListFragments, request)
    listed = [(one.name, one.version) for one in (*first.fragments, *second.fragments)]
    assert (listed, second.next_page_token) == ([("a", 2), ("b", 1)], "")


async def test_several_are_had_at_once_as_far_as_there_is_room(calls: Calls):
    large = [fragment_pb2.FragmentContent(locale=f"aa-{n:03}", body="x" * 65_000) for n in range(15)]
    names = [f"large-{n}" for n in range(5)]
    for name in names:
        await create(calls, fragment(name, contents=large))
    answer = await several(calls, *names, "none")
    assert [one.name for one in answer.fragments] + list(answer.left) == names
    assert answer.left
    assert answer.ByteSize() < 4 * 2**20


async def test_more_than_a_mebibyte_is_refused(calls: Calls):
    large = [fragment_pb2.FragmentContent(locale=f"aa-{n:03}", body="x" * 65_000) for n in range(17)]
    assert (await refusal(create(calls, fragment(contents=large)))).reason == "FRAGMENT_TOO_LARGE"


async def test_who_takes_a_fragment_in_is_told_by_its_newest_version(calls: Calls):
    await create(calls, fragment())
    await create_template(calls, using("b", footer=1))
    await create_template(calls, using("a", footer=1))
    await create_template(calls, using("gone", footer=1))
    await create_template(calls, using("not-any-more", footer=1))
    await create_template(calls, template(name="never"))
    await delete_template(calls, "gone")
    await update_template(calls, using("not-any-more"))
    assert uses(await update(calls, fragment(body="newer"))) == [("a", 1, 1), ("b", 1, 1)]
    await update_template(calls, using("b", footer=2))
    assert uses(await get(calls)) == [("a", 1, 1), ("b", 2, 2)]


async def test_a_template_takes_in_the_newest_versions_alone(calls: Calls):
    await create(calls, fragment())
    await create(calls, fragment("gone"))
    await delete(calls, "gone")
    for pins in ({"footer": 2}, {"footer": 1, "none": 1}, {"gone": 1}):
        for save in (create_template(calls, using(**pins)), update_template(calls, using(**pins))):
            error = await refusal(save)
            assert (error.code, error.reason) == (Code.FAILED_PRECONDITION, "FRAGMENT_CHANGED")
    assert (await create_template(calls, using(footer=1))).fragments[0].version == 1


async def test_what_is_taken_in_is_not_deleted(calls: Calls):
    await create(calls, fragment())
    await create(calls, fragment("page", fragments=["footer"]))
    await create_template(calls, using(footer=1))
    error = await refusal(delete(calls))
    assert (error.code, error.reason) == (Code.FAILED_PRECONDITION, "FRAGMENT_IN_USE")
    assert (error.metadata["templates"], error.metadata["fragments"]) == ("welcome", "page")
    assert (await get(calls)).version == 1
    await delete_template(calls, "welcome")
    await delete(calls, "page")
    await delete(calls)


async def test_templates_get_their_next_versions_with_a_fragment_or_all_stay_as_they_are(calls: Calls):
    await create(calls, fragment())
    await create_template(calls, using("a", footer=1))
    await create_template(calls, using("b", footer=1))
    bad = [
        (fragment(version=1), [using("a", 1, footer=2), using("b", 2, footer=2)], "TEMPLATE_CHANGED"),
        (fragment(version=1), [using("a", 1, footer=2), using("none", 1, footer=2)], "TEMPLATE_CHANGED"),
        (fragment(version=2), [using("a", 1, footer=3)], "FRAGMENT_CHANGED"),
        (fragment(version=1), [using("a", 1, footer=2, none=1)], "FRAGMENT_CHANGED"),
    ]
    for given, templates, reason in bad:
        assert (await refusal(update(calls, given, *templates))).reason == reason
        assert ((await get(calls)).version, (await get_template(calls, "a")).version) == (1, 1)
    await create(calls, fragment("header"))
    await update_template(calls, using("b", footer=1, header=1))
    await update(calls, fragment("header"))
    updated = await update(calls, fragment(version=1), using("a", 1, footer=2), using("b", 2, footer=2, header=1))
    assert (updated.version, uses(updated)) == (2, [("a", 2, 2), ("b", 3, 2)])


async def test_of_those_who_change_the_same_at_once_each_is_done_or_told(calls: Calls):
    await create(calls, fragment())
    await create(calls, fragment("header"))
    await create_template(calls, using(footer=1, header=1))
    results = await asyncio.gather(
        update(calls, fragment(version=1), using(version=1, footer=2, header=1)),
        update(calls, fragment("header", version=1), using(version=1, footer=1, header=2)),
        update_template(calls, using(footer=1, header=1)),
        delete(calls),
        return_exceptions=True,
    )
    reasons = {one.reason for one in results if isinstance(one, PulseError)}
    assert reasons <= {"FRAGMENT_CHANGED", "TEMPLATE_CHANGED", "FRAGMENT_IN_USE"}
    kept = await get_template(calls, "welcome")
    assert {pin.name: pin.version for pin in kept.fragments} == {
        name: (await get(calls, name)).version for name in ("footer", "header")
    }


@pytest.fixture
async def store(settings: LedgerSettings, calls: Calls, clock: Any) -> AsyncIterator[FragmentStore]:
    """A store of a process that lets a tenant have one fragment."""
    postgres = Postgres(settings)
    await postgres.open()
    yield FragmentStore(postgres, clock, TenantCaps({Subject.FRAGMENTS: 1}))
    await postgres.close()


async def test_a_tenant_has_no_more_fragments_than_it_may(store: FragmentStore):
    with tenancy.tenants([TENANT]):
        assert await store.create(TENANT, Fragment("a", 0, b"", ()))
        error = await refusal(store.create(TENANT, Fragment("b", 0, b"", ())))
    assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "TOO_MANY_FRAGMENTS")


async def test_postgresql_shows_and_takes_a_tenants_own_alone(store: FragmentStore):
    with tenancy.tenants([TENANT]):
        await store.create(TENANT, Fragment("a", 0, b"", ()))
    with tenancy.tenants(["other"]):
        assert await store.get(TENANT, "a", 0) is None
        assert await store.several(TENANT, ["a"]) == []
        assert not await store.delete(TENANT, "a")
        with pytest.raises(InsufficientPrivilege):
            await store.create(TENANT, Fragment("b", 0, b"", ()))
