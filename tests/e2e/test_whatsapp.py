"""WhatsApp by REST, from a template with a content of Twilio's to the request that Twilio gets."""

from __future__ import annotations

import json

from proof.waiting import wait_until
from tests.e2e.notifications import make_template, phone_number, send, told
from tests.e2e.suite import Suite

SID = "HX" + "0123456789abcdef" * 2


def test_a_content_of_the_template_reaches_twilio_with_the_requests_variables(suite: Suite) -> None:
    whatsapp = {"content_sid": SID, "content_variables": {"1": "{{ name }}", "2": "today"}}
    template = make_template(suite, channel="whatsapp", contents=[{"body": "Hi {{ name }}", "whatsapp": whatsapp}])
    to = phone_number()
    said = {"content_variables": {"2": "tomorrow"}}
    notification_id = send(suite, template, channel="whatsapp", to=to, whatsapp=said, ttl="600s")
    wait_until(lambda: told(suite, notification_id)["status"] == "SENT")
    receipt = suite.until_arrived(notification_id)
    request = receipt["data"]
    assert (receipt["channel"], receipt["provider"], request["To"]) == ("whatsapp", "twilio_whatsapp", f"whatsapp:{to}")
    assert request["ContentSid"] == SID
    assert json.loads(request["ContentVariables"]) == {"1": "Ann", "2": "tomorrow"}
    assert 500 < int(request["ValidityPeriod"]) <= 600
    assert told(suite, notification_id)["channel"] == "WHATSAPP"


def test_without_a_content_the_text_is_sent(suite: Suite) -> None:
    template = make_template(suite, channel="whatsapp", contents=[{"body": "Hi {{ name }}"}])
    receipt = suite.until_arrived(send(suite, template, channel="whatsapp", to=phone_number()))
    assert receipt["data"]["Body"] == "Hi Ann"
