"""Files from an upload to the mail that a recipient gets."""

from __future__ import annotations

import base64
import hashlib
import uuid
from typing import Any

from tests.e2e.suite import Suite

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
REPORT = b"%PDF-1.7\n" + bytes(range(256)) * 8_000  # 2 MB


def described(receipt: dict[str, Any]) -> list[tuple[str, str, str, int, str]]:
    names = ("filename", "content_type", "inline_id", "size", "sha256")
    return [tuple(one[name] for name in names) for one in receipt["attachments"]]


def test_uploaded_and_inline_files_reach_the_recipient_byte_for_byte(suite: Suite) -> None:
    uploaded = suite.rest.post(
        "/v1/attachments",
        params={"filename": "Übersicht.pdf"},
        content=REPORT,
        headers={"content-type": "application/pdf"},
    ).json()
    request = {
        "user_id": f"user_{uuid.uuid4().hex[:8]}",
        "template_name": "welcome_email",
        "to": "ann@example.com",
        "context": {"name": "Ann"},
        "attachments": [
            {"attachment_id": uploaded["attachment_id"]},
            {"content": base64.b64encode(PNG).decode(), "filename": "logo.png", "inline_id": "logo"},
        ],
    }
    answer = suite.rest.post("/v1/notifications", json=request)
    assert answer.status_code == 200, answer.text
    notification_id = answer.json()["notification_id"]
    receipt = suite.until_arrived(notification_id)
    digests = [hashlib.sha256(content).hexdigest() for content in (REPORT, PNG)]
    assert sorted(described(receipt)) == sorted(
        [
            ("Übersicht.pdf", "application/pdf", "", len(REPORT), digests[0]),
            ("logo.png", "image/png", "logo", len(PNG), digests[1]),
        ]
    )
    stored = suite.rest.get(f"/v1/notifications/{notification_id}").json()["attachments"]
    assert sorted(described({"attachments": [one | {"size": int(one["size"])} for one in stored]})) == sorted(
        described(receipt)
    )
    assert not any(one["content"] for one in stored)
    page = f"/console/notifications/{notification_id}/attachments"
    assert suite.rest.get(f"{page}/{uploaded['attachment_id']}").content == REPORT
    for one in receipt["attachments"]:
        content = suite.sandbox.get(one["path"]).content
        assert content == (REPORT if one["size"] == len(REPORT) else PNG)
