"""WhatsApp through the sandbox's Twilio, which keeps the whole request."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from services.delivery.config import DeliverySettings
from services.delivery.providers.base.receiver import Report
from services.delivery.providers.registry import receivers
from services.delivery.providers.twilio_whatsapp.provider import TwilioWhatsappProvider
from services.delivery.rules.provider import Cause, OutcomeKind, Rejection
from services.sandbox.providers.twilio.callbacks import signature
from shared.clock import SystemClock
from shared.saying.said import said
from tests.delivery.conftest import Sandbox
from tests.delivery.in_a_loop import InALoop
from tests.delivery.outgoing import outgoing, within

TO, FROM = "+4915112345678", "+14155238886"
SID = "HX" + "0123456789abcdef" * 2
SERVICE = "MG" + "0123456789abcdef" * 2
SETTINGS = {
    "twilio_whatsapp_account_sid": "AC123",
    "twilio_whatsapp_auth_token": "token",
    "twilio_whatsapp_from": FROM,
    "public_url": "http://127.0.0.1:9",
}


def provider(sandbox: Sandbox, **settings: Any) -> InALoop:
    values = {**SETTINGS, "twilio_whatsapp_base_url": sandbox.http, **settings}
    return InALoop(TwilioWhatsappProvider.of(DeliverySettings(**values), SystemClock()))


@pytest.fixture
def whatsapp(sandbox: Sandbox) -> Iterator[InALoop]:
    made = provider(sandbox)
    yield made
    made.close()


def asked(sandbox: Sandbox) -> dict[str, str]:
    """The one request that was kept."""
    (receipt,) = sandbox.receipts()
    return dict(receipt["data"])


def test_a_text_goes_from_number_to_number(whatsapp: InALoop, sandbox: Sandbox) -> None:
    given = outgoing(TO, body="It is on its way 🎉", channel="WHATSAPP")
    outcome = whatsapp.send(given, within())
    assert (outcome.kind, outcome.provider_message_id[:2]) == (OutcomeKind.SUCCEEDED, "SM")
    callback = (
        f"http://127.0.0.1:9/callbacks/twilio_whatsapp/default/{given.notification_id}"
        f"?notification_id={given.notification_id}"
    )
    assert asked(sandbox) == {
        "To": f"whatsapp:{TO}",
        "From": f"whatsapp:{FROM}",
        "Body": given.body,
        "StatusCallback": callback,
    }


@pytest.mark.parametrize("body", ["kept for channels that have no content", " "])
def test_a_content_goes_in_the_texts_place_with_its_variables(whatsapp: InALoop, sandbox: Sandbox, body: str) -> None:
    variables = {"1": "Zoë", "when": 'tomorrow, "early"'}
    content = said({"whatsapp": {"content_sid": SID, "content_variables": variables}})
    assert whatsapp.send(outgoing(TO, body=body, said=content), within()).kind is OutcomeKind.SUCCEEDED
    request = asked(sandbox)
    assert (request["ContentSid"], json.loads(request["ContentVariables"])) == (SID, variables)
    assert "Body" not in request


def test_a_content_may_have_no_variables(whatsapp: InALoop, sandbox: Sandbox) -> None:
    whatsapp.send(outgoing(TO, said=said({"whatsapp": {"content_sid": SID}})), within())
    assert "ContentVariables" not in asked(sandbox)


def test_a_messaging_service_sends_under_its_own_name(sandbox: Sandbox) -> None:
    made = provider(sandbox, twilio_whatsapp_from=SERVICE)
    assert made.send(outgoing(TO), within()).kind is OutcomeKind.SUCCEEDED
    assert asked(sandbox)["MessagingServiceSid"] == SERVICE
    made.close()


@pytest.mark.parametrize(("left", "told"), [(0.5, (1, 1)), (90.0, (85, 90)), (10**6, (36_000, 36_000))])
def test_twilio_is_told_what_is_left_of_its_time(
    whatsapp: InALoop, sandbox: Sandbox, left: float, told: tuple[int, int]
) -> None:
    whatsapp.send(outgoing(TO, ends_at=time.monotonic() + left), within())
    assert told[0] <= int(asked(sandbox)["ValidityPeriod"]) <= told[1]


@pytest.mark.parametrize("body", ["", " \n", "\u200b"])
def test_a_text_with_nothing_to_see_is_refused_without_a_call(whatsapp: InALoop, sandbox: Sandbox, body: str) -> None:
    assert whatsapp.send(outgoing(TO, body=body), within()).code == "EMPTY_BODY"
    assert sandbox.receipts() == []


@pytest.mark.parametrize(
    ("code", "kind", "rejection", "cause"),
    [
        (63003, OutcomeKind.PERMANENT_FAILURE, Rejection.REFUSED, Cause.PROVIDER),
        (63016, OutcomeKind.PERMANENT_FAILURE, None, Cause.PROVIDER),
        (21610, OutcomeKind.PERMANENT_FAILURE, Rejection.OPTED_OUT, Cause.PROVIDER),
        (21655, OutcomeKind.PERMANENT_FAILURE, None, Cause.PROVIDER),
        (63018, OutcomeKind.TRANSIENT_FAILURE, None, Cause.PROVIDER),
        (63007, OutcomeKind.TRANSIENT_FAILURE, None, Cause.CONFIGURATION),
    ],
)
def test_whatsapps_own_errors_have_their_outcome(
    whatsapp: InALoop, sandbox: Sandbox, code: int, kind: OutcomeKind, rejection: Rejection | None, cause: Cause
) -> None:
    sandbox.fault("twilio_whatsapp", "status", code)
    outcome = whatsapp.send(outgoing(TO), within())
    assert (outcome.code, outcome.kind, outcome.rejection, outcome.cause) == (str(code), kind, rejection, cause)


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"twilio_whatsapp_from": ""}, "PULSE_TWILIO_WHATSAPP_FROM"),
        ({"twilio_whatsapp_auth_token": ""}, "PULSE_TWILIO_WHATSAPP_AUTH_TOKEN"),
        ({"twilio_whatsapp_from": f"whatsapp:{FROM}"}, "without whatsapp:"),
        ({"twilio_whatsapp_from": "Pulse"}, "PULSE_TWILIO_WHATSAPP_FROM"),
        ({"twilio_whatsapp_from": "12345"}, "PULSE_TWILIO_WHATSAPP_FROM"),
        ({"twilio_whatsapp_base_url": "https://"}, "PULSE_TWILIO_WHATSAPP_BASE_URL"),
    ],
)
def test_settings_that_cannot_work_stop_the_start(changed: dict[str, str], key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        DeliverySettings(**{**SETTINGS, **changed})


async def test_its_status_callbacks_are_taken_as_its_own() -> None:
    receiver = receivers(DeliverySettings(**SETTINGS), SystemClock())["twilio_whatsapp"]
    notification_id = "01890a5d-ac96-774b-bcce-b302099a8057"
    url = f"http://127.0.0.1:9/callbacks/twilio_whatsapp/default/{notification_id}?notification_id={notification_id}"
    form = {"MessageSid": "SM1", "MessageStatus": "read", "To": "whatsapp"}
    body = "&".join(f"{name}={value}" for name, value in form.items()).encode()
    signed = signature("token", url, form)
    report = Report(body, "default", notification_id, [("x-twilio-signature", signed)])
    (receipt,) = await receiver.take(report)
    assert (receipt.provider, receipt.status, receipt.provider_message_id) == ("twilio_whatsapp", "DELIVERED", "SM1")
