"""Requests that cannot be: each is refused by code, reason and field, and the router never hears of it."""

from __future__ import annotations

from typing import Any

import pytest

from pulse.common.v1 import enums_pb2
from pulse.gateway.v1.template_service_pb2 import PreviewTemplateRequest
from services.gateway.door.auth import OpenDoor
from shared.errors import Code
from tests.gateway import fakes
from tests.gateway.conftest import NOW, Client, refusal, request

NOW_SECONDS = int(NOW.timestamp())
DAY = 86_400
SMS = {"template_name": "code_otp", "context": {"code": "1"}}
PUSH = {"template_name": "alert", "context": {"text": "x"}}


def deep(levels: int) -> dict[str, Any]:
    """A context nested so deeply."""
    value: dict[str, Any] = {"end": 1}
    for _ in range(levels - 1):
        value = {"k": value}
    return value


CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"user_id": ""}, "INVALID_FIELDS", "user_id"),
    ({"user_id": "a\0b"}, "INVALID_FIELDS", "user_id"),
    ({"user_id": "u" * 257}, "INVALID_FIELDS", "user_id"),
    ({"template_name": ""}, "INVALID_FIELDS", "template_name"),
    ({"to": ""}, "INVALID_FIELDS", "to"),
    ({"to": "x" * 4097}, "INVALID_FIELDS", "to"),
    ({"channel": 77}, "INVALID_FIELDS", "channel"),
    ({"priority": 77}, "INVALID_FIELDS", "priority"),
    ({"delivery_guarantee": 77}, "INVALID_FIELDS", "delivery_guarantee"),
    ({"locale": "not a locale"}, "INVALID_FIELDS", "locale"),
    ({"subject": "Hello\r\nBcc: eve@example.com"}, "INVALID_FIELDS", "subject"),
    ({"subject": "Hel\0lo"}, "INVALID_FIELDS", "subject"),
    ({"subject": "s" * 999}, "INVALID_FIELDS", "subject"),
    ({"metadata": {str(n): "" for n in range(33)}}, "INVALID_FIELDS", "metadata"),
    ({"metadata": {"k" * 65: ""}}, "INVALID_FIELDS", "metadata"),
    ({"metadata": {"k": "v" * 513}}, "INVALID_FIELDS", "metadata"),
    ({"metadata": {"k": "\0"}}, "METADATA_NUL", "metadata"),
    ({"ttl": {"seconds": 0}}, "INVALID_FIELDS", "ttl"),
    ({"ttl": {"seconds": 367 * DAY}}, "INVALID_FIELDS", "ttl"),
    ({"ttl": {"seconds": 5}, "expires_at": {"seconds": NOW_SECONDS + 5}}, "INVALID_FIELDS", "request"),
    ({"send_at": {"seconds": NOW_SECONDS - 301}}, "SEND_AT_PAST", "send_at"),
    ({"send_at": {"seconds": 0}}, "SEND_AT_PAST", "send_at"),
    ({"send_at": {"seconds": -62_135_596_800}}, "SEND_AT_PAST", "send_at"),
    ({"expires_at": {"seconds": -62_135_596_800}}, "EXPIRES_AT_PAST", "expires_at"),
    ({"user_id": "."}, "INVALID_FIELDS", "user_id"),
    ({"user_id": ".."}, "INVALID_FIELDS", "user_id"),
    ({"send_at": {"seconds": NOW_SECONDS + 367 * DAY}}, "SEND_AT_TOO_FAR", "send_at"),
    ({"send_at": {"seconds": 253_402_300_800}}, "TIME_OUT_OF_RANGE", "send_at"),
    ({"send_at": {"seconds": NOW_SECONDS, "nanos": -1}}, "TIME_OUT_OF_RANGE", "send_at"),
    ({"expires_at": {"seconds": 253_402_300_800}}, "TIME_OUT_OF_RANGE", "expires_at"),
    ({"expires_at": {"seconds": NOW_SECONDS - 1}}, "EXPIRES_AT_PAST", "expires_at"),
    (
        {"send_at": {"seconds": NOW_SECONDS + DAY}, "expires_at": {"seconds": NOW_SECONDS + 60}},
        "EXPIRES_BEFORE_SEND_AT",
        "expires_at",
    ),
    ({"context": {}}, "MISSING_VARIABLE", "context"),
    ({"context": {"name": "x" * 65_536}}, "CONTEXT_TOO_LARGE", "context"),
    ({"context": {"name": [None] * 100_000}}, "CONTEXT_TOO_LARGE", "context"),
    ({"context": {"name": "a\0b"}}, "CONTEXT_NUL", "context.name"),
    ({"context": {"name": float("nan")}}, "CONTEXT_NOT_FINITE", "context.name"),
    ({"context": {"name": float("inf")}}, "CONTEXT_NOT_FINITE", "context.name"),
    ({"context": {"name": 2**53}}, "CONTEXT_NUMBER_INEXACT", "context.name"),
    ({"context": deep(33)}, "CONTEXT_TOO_DEEP", "context"),
    ({"idempotency_key": "k" * 256}, "IDEMPOTENCY_KEY_TOO_LONG", "idempotency_key"),
    ({"idempotency_key": "a\x01b"}, "IDEMPOTENCY_KEY_INVALID", "idempotency_key"),
    ({"to": "ada@example.com\r\nBcc: eve@example.com"}, "ADDRESS_CONTROL_CHARACTER", "to"),
    ({"to": "ada@example.com, eve@example.com"}, "EMAIL_DISPLAY_NAME", "to"),
    ({"to": "ada@example.com,eve@example.com"}, "EMAIL_SEVERAL_RECIPIENTS", "to"),
    ({"to": "ada@аpple.com"}, "EMAIL_HOMOGLYPH_DOMAIN", "to"),
    ({**SMS, "to": "01511234567"}, "PHONE_NOT_E164", "to"),
    ({**SMS, "to": "+19005551234"}, "PHONE_PREMIUM_RATE", "to"),
    ({**PUSH, "to": "two words"}, "DEVICE_TOKEN_INVALID", "to"),
    ({**PUSH, "to": "token", "context": {"text": "x" * 4097}}, "PUSH_TOO_LARGE", "context"),
    (
        {"template_name": "mail_only", "channel": enums_pb2.SMS, "to": "+15551234567"},
        "NO_CONTENT_FOR_CHANNEL",
        "channel",
    ),
]


@pytest.mark.parametrize("fields, reason, field", CASES)
async def test_a_field_that_cannot_be_is_named(
    client: Client, peers: fakes.Peers, fields: dict[str, Any], reason: str, field: str
) -> None:
    mail_only = fakes.template("mail_only", enums_pb2.EMAIL, "x")
    mail_only.contents[0].channel = enums_pb2.EMAIL
    peers.store(mail_only)
    error = await refusal(client.send(**fields))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason)
    assert field in [violation.field for violation in error.violations]
    assert not peers.router.submissions


@pytest.mark.parametrize("locale", ["zh_Hant_TW", "de_DE.UTF-8", "de-", "-de", "*", "d", "de--CH"])
async def test_a_language_that_is_no_tag_is_refused_in_words(client: Client, locale: str) -> None:
    sent, previewed = (
        await refusal(client.send(locale=locale)),
        await refusal(client.templates.PreviewTemplate(PreviewTemplateRequest(name="welcome", locale=locale))),
    )
    for error in (sent, previewed):
        assert [(violation.field, "zh-Hant-TW" in violation.description) for violation in error.violations] == [
            ("locale", True)
        ]


async def test_an_error_never_repeats_the_address(client: Client) -> None:
    error = await refusal(client.send(to="very.secret@example..com"))
    assert "secret" not in f"{error} {error.hint} {error.violations}"


async def test_a_missing_variable_is_named(client: Client) -> None:
    error = await refusal(client.send(context={"other": 1}))
    assert "'name'" in error.message


async def test_a_variable_that_does_not_fit_is_named_and_not_told(client: Client, peers: fakes.Peers) -> None:
    peers.store(fakes.template("older", enums_pb2.EMAIL, "{% if person.age > least %}x{% endif %}"))
    error = await refusal(client.send(template_name="older", context={"person": {"age": "Secret"}, "least": 3}))
    assert error.reason == "RENDER_FAILED"
    assert "'person.age', 'least'" in error.message and "Secret" not in error.message


@pytest.mark.parametrize("name", ["nobody_made_this", "%2e%2e", "a/b", "x" * 100])
async def test_an_unknown_template_is_not_found(client: Client, peers: fakes.Peers, name: str) -> None:
    error = await refusal(client.send(template_name=name))
    assert (error.code, error.reason) == (Code.NOT_FOUND, "TEMPLATE_NOT_FOUND")
    assert not peers.router.submissions


@pytest.mark.parametrize(
    "headers, field, reason",
    [
        (["a", "b"], "", "IDEMPOTENCY_KEY_REPEATED"),
        ([""], "", "IDEMPOTENCY_KEY_EMPTY"),
        (["k" * 256], "", "IDEMPOTENCY_KEY_TOO_LONG"),
        (["a b"], "", "IDEMPOTENCY_KEY_INVALID"),
        (["a"], "b", "IDEMPOTENCY_KEY_MISMATCH"),
    ],
)
async def test_a_key_header_that_cannot_be_is_refused(
    client: Client, peers: fakes.Peers, headers: list[str], field: str, reason: str
) -> None:
    sent = [("idempotency-key", header) for header in headers]
    error = await refusal(client.send(headers=sent, idempotency_key=field))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason)
    assert not peers.router.submissions


@pytest.mark.parametrize("header", ["tenant", "x-tenant-id", "pulse-tenant", "x-pulse-tenant-id", "tenant-id"])
async def test_a_forged_tenant_is_ignored(client: Client, peers: fakes.Peers, header: str) -> None:
    await client.send(headers=[(header, "victim"), ("authorization", "Bearer stolen")])
    assert peers.router.submissions[0].tenant_id == OpenDoor._everybody.tenant_id == "default"


async def test_both_forms_of_a_key_and_explicit_defaults_are_one_request(client: Client, peers: fakes.Peers) -> None:
    await client.send(idempotency_key="k")
    await client.send(headers=[("idempotency-key", "k")], delivery_guarantee=enums_pb2.AT_LEAST_ONCE, locale="")
    await client.send(validate_only=True)
    assert len({submission.fingerprint for submission in peers.router.submissions}) == 1
    await client.send(delivery_guarantee=enums_pb2.AT_MOST_ONCE)
    await client.send(context={"name": "Eve"})
    await client.send(context={"name": "Ada", "more": None})
    await client.send(ttl={"seconds": 60})
    assert len({submission.fingerprint for submission in peers.router.submissions}) == 5


def test_the_usual_request_is_valid() -> None:
    assert request().user_id
