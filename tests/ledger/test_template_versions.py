"""Templates and their versions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, template_pb2
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from shared.errors import Code, PulseError
from shared.rpc.channels import call
from shared.times import to_duration
from tests.ledger.calls import TENANT, Calls, moment, template
from tests.ledger.conftest import NOON


async def create(calls: Calls, given: template_pb2.Template, tenant_id: str = TENANT) -> template_pb2.Template:
    request = ledger_admin_pb2.CreateTemplateRequest(tenant_id=tenant_id, template=given)
    return (await call(calls.admin.CreateTemplate, request)).template


async def update(calls: Calls, given: template_pb2.Template, tenant_id: str = TENANT) -> template_pb2.Template:
    request = ledger_admin_pb2.UpdateTemplateRequest(tenant_id=tenant_id, template=given)
    return (await call(calls.admin.UpdateTemplate, request)).template


async def delete(calls: Calls, name: str) -> None:
    await call(calls.admin.DeleteTemplate, ledger_admin_pb2.DeleteTemplateRequest(tenant_id=TENANT, name=name))


async def get(calls: Calls, name: str, version: int = 0, tenant_id: str = TENANT) -> template_pb2.Template:
    request = ledger_reader_pb2.GetTemplateRequest(tenant_id=tenant_id, name=name, version=version)
    return (await call(calls.reader.GetTemplate, request)).template


async def page(calls: Calls, **fields: Any) -> ledger_reader_pb2.ListTemplatesResponse:
    values = {"tenant_id": TENANT, "page_size": 100} | fields
    return await call(calls.reader.ListTemplates, ledger_reader_pb2.ListTemplatesRequest(**values))


async def reason(of: Any) -> str:
    with pytest.raises(PulseError) as caught:
        await of
    return caught.value.reason


async def test_a_template_comes_back_as_it_was_given(calls: Calls, clock):
    contents = [
        template_pb2.TemplateContent(channel=enums_pb2.SMS, locale="de", body="Hallo \N{GRINNING FACE}"),
        template_pb2.TemplateContent(subject="Hi", body="Hello {{ name }}", html_body="<p>{{ name }}</p>"),
    ]
    given = template(
        priority=enums_pb2.HIGH,
        category="security",
        default_locale="en",
        contents=contents,
        variables=["name", "code"],
        digest_window=to_duration(900),
    )
    await create(calls, given)
    found = await get(calls, "welcome")
    assert (found.version, moment(found.create_time), moment(found.update_time)) == (1, NOON, NOON)
    for field in ("version", "create_time", "update_time"):
        found.ClearField(field)
    assert found == given


async def test_versions_never_change(calls: Calls, clock):
    await create(calls, template(body="one"))
    clock.advance(60)
    second = await update(calls, template(body="two"))
    bodies = [(await get(calls, "welcome", version)).contents[0].body for version in (0, 1, 2)]
    assert (second.version, bodies) == (2, ["two", "one", "two"])
    assert moment(second.create_time) == NOON
    assert (moment(second.update_time) - NOON).total_seconds() == 60


async def test_concurrent_updates_each_make_a_version(calls: Calls):
    await create(calls, template())
    stored = await asyncio.gather(*(update(calls, template(body=f"{n}")) for n in range(10)))
    assert sorted(one.version for one in stored) == list(range(2, 12))


async def test_a_name_is_taken_once(calls: Calls):
    answers = await asyncio.gather(*(create(calls, template()) for _ in range(5)), return_exceptions=True)
    refusals = [answer for answer in answers if isinstance(answer, PulseError)]
    assert len(refusals) == 4
    assert {(refusal.code, refusal.reason) for refusal in refusals} == {(Code.ALREADY_EXISTS, "TEMPLATE_EXISTS")}
    assert (await create(calls, template(), tenant_id="other")).version == 1


async def test_a_deleted_template_is_gone_but_for_its_versions(calls: Calls):
    await create(calls, template(body="one"))
    await delete(calls, "welcome")
    assert await reason(get(calls, "welcome")) == "TEMPLATE_NOT_FOUND"
    assert await reason(update(calls, template())) == "TEMPLATE_NOT_FOUND"
    assert await reason(delete(calls, "welcome")) == "TEMPLATE_NOT_FOUND"
    assert list((await page(calls)).templates) == []
    assert (await get(calls, "welcome", 1)).contents[0].body == "one"


async def test_a_name_taken_up_again_goes_on_counting(calls: Calls):
    await create(calls, template(body="one"))
    await delete(calls, "welcome")
    assert (await create(calls, template(body="two"))).version == 2
    assert (await get(calls, "welcome", 1)).contents[0].body == "one"


async def test_templates_are_listed_by_name_at_their_newest_version(calls: Calls):
    for name in ("b", "a", "c"):
        await create(calls, template(name, channel=enums_pb2.SMS if name == "c" else enums_pb2.EMAIL))
    await update(calls, template("a"))
    first = await page(calls, page_size=2)
    second = await page(calls, page_size=2, page_token=first.next_page_token)
    assert [(one.name, one.version) for one in first.templates] == [("a", 2), ("b", 1)]
    assert ([one.name for one in second.templates], second.next_page_token) == (["c"], "")
    assert [one.name for one in (await page(calls, channel=enums_pb2.SMS)).templates] == ["c"]
    assert await reason(page(calls, page_token=first.next_page_token, channel=enums_pb2.SMS)) == "INVALID_PAGE_TOKEN"


async def test_what_is_not_there_is_not_found(calls: Calls):
    await create(calls, template())
    assert await reason(get(calls, "welcome", 2)) == "TEMPLATE_NOT_FOUND"
    assert await reason(get(calls, "welcome", tenant_id="other")) == "TEMPLATE_NOT_FOUND"
    assert await reason(get(calls, "nul\0")) == "VALUE_REFUSED"


async def test_a_template_that_breaks_the_rules_is_refused(calls: Calls):
    with pytest.raises(PulseError) as caught:
        await create(calls, template("no spaces please"))
    assert [violation.field for violation in caught.value.violations] == ["template.name"]


async def test_the_next_version_is_made_of_the_one_that_is_expected_or_not_at_all(calls: Calls):
    def expecting(version: int, name: str = "welcome") -> Any:
        given = ledger_admin_pb2.UpdateTemplateRequest(
            tenant_id=TENANT, template=template(name=name, category="news"), expected_version=version
        )
        return call(calls.admin.UpdateTemplate, given)

    await create(calls, template(name="welcome"))
    assert (await expecting(1)).template.version == 2
    for other in (1, 3, 2**31 - 1):
        with pytest.raises(PulseError) as caught:
            await expecting(other)
        error = caught.value
        assert (error.code, error.reason) == (Code.FAILED_PRECONDITION, "TEMPLATE_CHANGED")
        assert error.metadata["version"] == "2"
    assert (await get(calls, "welcome")).version == 2
    assert (await expecting(0)).template.version == 3
    assert await reason(expecting(1, "nothing")) == "TEMPLATE_NOT_FOUND"


async def test_of_two_who_expect_the_same_version_one_makes_the_next(calls: Calls):
    await create(calls, template(name="welcome"))
    request = ledger_admin_pb2.UpdateTemplateRequest(
        tenant_id=TENANT, template=template(name="welcome"), expected_version=1
    )
    ended = await asyncio.gather(*(call(calls.admin.UpdateTemplate, request) for _ in "1234"), return_exceptions=True)
    assert sum(isinstance(one, PulseError) and one.reason == "TEMPLATE_CHANGED" for one in ended) == 3
    assert (await get(calls, "welcome")).version == 2
