"""A notification by each channel."""

from __future__ import annotations

from proof.kubernetes import callers, sandbox
from proof.kubernetes.kubectl import Kubectl, Object
from proof.kubernetes.waiting import until

REQUESTS: dict[str, Object] = {
    "EMAIL": {"template_name": "welcome_email", "to": "ann@example.com", "context": {"name": "Ann"}},
    "SMS": {"template_name": "login_otp", "to": "+15551234567", "context": {"code": "424242"}},
    "PUSH": {"template_name": "welcome_push", "to": "device-of-ann", "context": {"name": "Ann"}},
}


def deliver(kubectl: Kubectl, key: str = "") -> str:
    """Each is accepted through Envoy and received by the sandbox, once; with this key, where keys are asked for."""
    took = []
    for channel, body in REQUESTS.items():
        id_ = callers.post(kubectl, "/v1/notifications", {"user_id": "ann", **body}, key)["notification_id"]
        seconds = until(lambda: sandbox.receipts(kubectl, channel)[id_] == 1, f"{channel} to arrive", 60)  # noqa: B023
        took.append(f"{channel} within {seconds:.1f} s")
    return ", ".join(took)
