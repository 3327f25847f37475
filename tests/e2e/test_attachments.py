"""Files from an upload to the mail that a recipient gets."""

from __future__ import annotations

import base64
import hashlib
import re
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


def test_a_file_goes_as_a_link_by_email_and_by_sms(suite: Suite) -> None:
    file = {"content": base64.b64encode(REPORT[:1000]).decode(), "filename": "report.pdf", "as_link": True}
    for template, to, context in (
        ("welcome_email", "ann@example.com", {"name": "Ann"}),
        ("login_otp", "+4915112345678", {"code": "7"}),
    ):
        request = {"user_id": f"user_{uuid.uuid4().hex[:8]}", "template_name": template, "to": to, "context": context}
        answer = suite.rest.post("/v1/notifications", json={**request, "attachments": [file]})
        assert answer.status_code == 200, answer.text
        receipt = suite.until_arrived(answer.json()["notification_id"])
        link = re.search(r"report\.pdf: (\S+)", receipt["body"])
        assert link is not None and not receipt.get("attachments"), receipt
        got = suite.rest.get(link[1])
        assert (got.status_code, got.content) == (200, REPORT[:1000])
        assert got.headers["content-disposition"].startswith("attachment")
        assert got.headers["x-content-type-options"] == "nosniff"
