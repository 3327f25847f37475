"""SES's events: what became of an email, as a configuration set publishes it to a topic.

Source: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

#: Its addresses end as SES's mailbox simulator documents; ``complaint+label@`` does as ``complaint@`` does.
#: https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
SIMULATOR = "simulator.amazonses.com"


@dataclass(frozen=True, slots=True)
class Email:
    """One email to one recipient, as its events tell of it."""

    message_id: str
    to: str
    sender: str
    configuration_set: str
    tags: dict[str, str]

    def events(self) -> list[str]:
        """In order, each as JSON: everything is delivered but what is for some addresses of the simulator."""
        local, _, domain = self.to.rpartition("@")
        box = local.partition("+")[0] if domain == SIMULATOR else ""
        if box in ("bounce", "suppressionlist"):
            told = [self._bounce("Suppressed" if box == "suppressionlist" else "General")]
        elif box == "complaint":
            told = [self._delivery(), self._complaint()]
        else:
            told = [self._delivery()]
        return [json.dumps({**event, "mail": self._mail()}) for event in [{"eventType": "Send", "send": {}}, *told]]

    def _delivery(self) -> dict[str, Any]:
        delivery = {"processingTimeMillis": 100, "recipients": [self.to], "smtpResponse": "250 2.6.0 Message received"}
        return {"eventType": "Delivery", "delivery": {"timestamp": _now(), **delivery, "reportingMTA": "mta.example"}}

    def _bounce(self, sub_type: str) -> dict[str, Any]:
        bounced = {
            "emailAddress": self.to,
            "action": "failed",
            "status": "5.1.1",
            "diagnosticCode": f"smtp; 550 5.1.1 <{self.to}> user unknown",
        }
        bounce = {"bounceType": "Permanent", "bounceSubType": sub_type, "bouncedRecipients": [bounced]}
        return {"eventType": "Bounce", "bounce": {**bounce, "timestamp": _now(), "feedbackId": self.message_id}}

    def _complaint(self) -> dict[str, Any]:
        complaint = {
            "complainedRecipients": [{"emailAddress": self.to}],
            "timestamp": _now(),
            "feedbackId": self.message_id,
            "complaintSubType": None,
            "userAgent": "Amazon SES Mailbox Simulator",
            "complaintFeedbackType": "abuse",
        }
        return {"eventType": "Complaint", "complaint": complaint}

    def _mail(self) -> dict[str, Any]:
        tags = {name: [value] for name, value in self.tags.items()}
        return {
            "timestamp": _now(),
            "source": self.sender,
            "sendingAccountId": "123456789012",
            "messageId": self.message_id,
            "destination": [self.to],
            "headersTruncated": False,
            "headers": [],
            "commonHeaders": {"to": [self.to], "messageId": self.message_id},
            "tags": {"ses:configuration-set": [self.configuration_set], **tags},
        }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
