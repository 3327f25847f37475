"""Limits are listed, set with what is wrong said at the field, and deleted."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from pulse.common.v1 import limit_pb2
from pulse_client.enums import LimitKind
from pulse_client.operations import Limit
from services.console.views.limit_form import LimitForm

LIST = "/console/limits"
FORM = {"kind": "USER_CHANNEL", "subject": "hello", "amount": "20", "window": "5", "unit": "minutes", "tenant_id": ""}


async def test_a_limit_is_set_and_listed(visitor, book):
    answer = await visitor.submit(LIST, FORM)
    assert answer.headers["location"] == LIST
    (kept,) = book.limits.values()
    assert (kept.kind, kept.subject, kept.amount) == (limit_pb2.Limit.USER_CHANNEL, "hello", 20)
    assert kept.window.seconds == 300
    page = await visitor.get(LIST)
    assert "in 5 minutes" in page.text


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("amount", "many", "must be a whole number"),
        ("amount", "0", "must be at least 1"),
        ("window", "soon", "must be a number"),
        ("kind", "NOTHING", "is no kind of limit"),
    ],
)
async def test_what_is_wrong_with_a_field_is_said_at_the_field_and_nothing_typed_is_lost(visitor, field, value, said):
    page = await visitor.submit(LIST, {**FORM, field: value})
    assert page.status_code == 400
    assert re.search(rf'id="fault-{field}" role="alert">{said}<', page.text)
    assert page.text.count('role="alert"') == 1, "it is not said twice"
    assert 'value="hello"' in page.text


async def test_what_concerns_no_field_is_said_above(visitor):
    page = await visitor.submit(LIST, {**FORM, "tenant_id": "*"})
    assert page.status_code == 403
    assert "SCOPE_MISSING" in page.text


async def test_a_limit_is_deleted_in_the_name_of_its_tenant(visitor, book):
    await visitor.submit(LIST, FORM)
    page = await visitor.get(LIST)
    assert 'name="tenant_id" value="acme"' in page.text
    await visitor.submit(f"{LIST}/delete", {"limit_id": "user_channel:hello", "tenant_id": "acme"})
    assert not book.limits
    again = await visitor.submit(f"{LIST}/delete", {"limit_id": "user_channel:hello", "tenant_id": "acme"})
    assert again.status_code == 404


@pytest.mark.parametrize(
    ("kind", "tenant_id", "window", "typed"),
    [
        (LimitKind.TENANT, "acme", dt.timedelta(hours=36), ("36", "hours", "acme")),
        (LimitKind.RECIPIENT, "", dt.timedelta(seconds=0.5), ("0.5", "seconds", "*")),
        (LimitKind.PROVIDER, "", dt.timedelta(days=2), ("2", "days", "")),
        (LimitKind.FAIR_SHARE, "acme", None, ("", "seconds", "acme")),
    ],
)
def test_a_limit_is_changed_in_a_form_that_would_set_it_again(kind, tenant_id, window, typed):
    form = LimitForm.of(Limit("id", kind, "", 7, window, tenant_id, "ops", None))
    assert (form.window, form.unit, form.tenant_id) == typed
    request = form.call().request
    assert request.limit.window.ToTimedelta() == (window or dt.timedelta(0))


async def test_the_form_is_filled_in_from_the_address(visitor):
    page = await visitor.get(LIST, params={"kind": "TENANT", "amount": "42"})
    assert 'value="42"' in page.text
    assert re.search(r'<option value="TENANT"[^>]* selected>', page.text)
