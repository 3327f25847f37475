"""A dead letter is replayed with the version of its template that it was accepted with, or with the newest."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, template_pb2
from pulse.ledger.v1 import ledger_admin_pb2, records_pb2
from shared.errors import Code, PulseError
from shared.rpc.channels import call
from tests.ledger.calls import TENANT, Calls
from tests.ledger.test_dead_letters import die

PINNED, NEWEST = enums_pb2.PINNED, enums_pb2.NEWEST


@pytest.fixture
async def template(calls: Calls) -> None:
    """``welcome``, at its third version."""
    said = template_pb2.Template(
        name="welcome", channel=enums_pb2.EMAIL, contents=[template_pb2.TemplateContent(body="Hi")]
    )
    await call(calls.admin.CreateTemplate, ledger_admin_pb2.CreateTemplateRequest(tenant_id=TENANT, template=said))
    for _ in range(2):
        await call(calls.admin.UpdateTemplate, ledger_admin_pb2.UpdateTemplateRequest(tenant_id=TENANT, template=said))


async def replayed(calls: Calls, ref: records_pb2.NotificationRef, template: Any, many: bool) -> Any:
    """As a worker gets it then."""
    if many:
        assert (await calls.replay_many(template=template)).replayed == 1
    else:
        await calls.replay(ref, template=template)
    (claimed,) = await calls.claim(ref)
    return claimed


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize(("wanted", "version"), [(0, 1), (PINNED, 1), (NEWEST, 3)])
async def test_the_version_that_is_asked_for_is_used(
    wanted: Any, version: int, many: bool, calls: Calls, template: None
) -> None:
    ref = await die(calls)
    assert (await replayed(calls, ref, wanted, many)).asked.template_version == version
    found = await calls.get(ref)
    assert found.template_version == version
    (event,) = [one for one in found.timeline if one.kind == one.REPLAYED]
    told = [(one.rule, one.result, one.reason) for one in event.decisions]
    newest = ("template", "NEWEST", "it is replayed with version 3 instead of 1")
    assert told == ([newest] if wanted == NEWEST else [])


@pytest.mark.parametrize("many", [False, True])
async def test_one_that_has_the_newest_already_is_told_nothing_of(many: bool, calls: Calls, template: None) -> None:
    ref = await die(calls, template_version=3)
    assert (await replayed(calls, ref, NEWEST, many)).asked.template_version == 3
    assert not [one for event in (await calls.get(ref)).timeline for one in event.decisions if one.rule == "template"]


@pytest.mark.parametrize("many", [False, True])
async def test_one_whose_template_is_gone_keeps_its_version(many: bool, calls: Calls, template: None) -> None:
    ref = await die(calls)
    gone = ledger_admin_pb2.DeleteTemplateRequest(tenant_id=TENANT, name="welcome")
    await call(calls.admin.DeleteTemplate, gone)
    assert (await replayed(calls, ref, NEWEST, many)).asked.template_version == 1


async def test_what_is_no_dead_letter_keeps_its_version(calls: Calls, template: None) -> None:
    ref = await calls.recorded()
    with pytest.raises(PulseError) as caught:
        await calls.replay(ref, template=NEWEST)
    assert caught.value.code is Code.FAILED_PRECONDITION
    assert (await calls.get(ref)).template_version == 1


async def test_another_tenant_s_template_of_that_name_is_not_meant(calls: Calls, template: None) -> None:
    ref = await die(calls, tenant_id="other")
    await calls.replay(ref, template=NEWEST)
    (claimed,) = await calls.claim(ref)
    assert claimed.asked.template_version == 1
