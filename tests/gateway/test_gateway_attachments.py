"""Files: what the front door takes in, what it refuses and how it says so."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from pulse.common.v1 import enums_pb2, template_pb2
from pulse.gateway.v1 import attachment_service_pb2 as api
from shared.errors import Code, PulseError
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal

MIB = 2**20
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
JPEG = b"\xff\xd8\xff\xe0" + bytes(64)
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
EXE = b"MZ\x90\x00\x03\x00\x00\x00" + bytes(64)


async def uploaded(client: Client, content: bytes, name: str = "", kind: str = "", headers: Any = None) -> Any:
    request = api.UploadAttachmentRequest(filename=name)
    request.file.data, request.file.content_type = content, kind
    return await client.attachments.UploadAttachment(request, metadata=headers)


async def test_a_file_is_kept_under_an_id_of_its_bytes_and_found_again(client: Client, peers: fakes.Peers) -> None:
    stored = await uploaded(client, PDF, "a.pdf", "application/pdf")
    assert (stored.size, stored.content_type, stored.filename) == (len(PDF), "application/pdf", "a.pdf")
    assert stored.sha256 == hashlib.sha256(PDF).hexdigest()
    again = await uploaded(client, PDF, "b.pdf", "application/pdf")
    assert again.attachment_id == stored.attachment_id
    got = await client.attachments.GetAttachment(api.GetAttachmentRequest(attachment_id=stored.attachment_id))
    assert got.sha256 == stored.sha256
    body = await client.attachments.DownloadAttachment(api.DownloadAttachmentRequest(attachment_id=got.attachment_id))
    assert (body.data, body.content_type) == (PDF, "application/octet-stream")


@pytest.mark.parametrize(
    ("name", "kind", "disposition", "expected"),
    [
        ("a.pdf", "", "", ("a.pdf", "application/pdf")),
        ("a.pdf", "application/x-www-form-urlencoded", "", ("a.pdf", "application/pdf")),
        ("", "text/csv; charset=UTF-8", "", ("", "text/csv; charset=utf-8")),
        ("", "application/pdf", 'attachment; filename="b c.pdf"', ("b c.pdf", "application/pdf")),
        ("", "", "attachment; filename*=utf-8''na%C3%AFve.txt", ("na\u00efve.txt", "text/plain")),
        ("x", "", "", ("x", "application/octet-stream")),
        ("invoice.exe.pdf", "", "", ("invoice.exe.pdf", "application/pdf")),
        ("42.zip", "application/zip", "", ("42.zip", "application/zip")),
    ],
)
async def test_name_and_kind_are_as_they_are_said_or_as_the_name_tells(
    client: Client, name: str, kind: str, disposition: str, expected: tuple[str, str]
) -> None:
    headers = (("content-disposition", disposition),) if disposition else None
    stored = await uploaded(client, b"PK or anything", name, kind, headers)
    assert (stored.filename, stored.content_type) == expected


BAD_UPLOADS = [
    (b"", "a.txt", "", "ATTACHMENT_EMPTY"),
    (b"x", "../../x", "", "ATTACHMENT_FILENAME"),
    (b"x", "a/b.txt", "", "ATTACHMENT_FILENAME"),
    (b"x", "C:\\boot.txt", "", "ATTACHMENT_FILENAME"),
    (b"x", "..", "", "ATTACHMENT_FILENAME"),
    (b"x", " ", "", "ATTACHMENT_FILENAME"),
    (b"x", "a\r\nBcc: b@example.com", "", "ATTACHMENT_FILENAME"),
    (b"x", "invoice\u202efdp.exe", "", "ATTACHMENT_FILENAME"),
    (b"x", "\uff0fetc\uff0fpasswd", "", "ATTACHMENT_FILENAME"),
    (b"x", "a.exe", "", "ATTACHMENT_TYPE_DENIED"),
    (b"x", "A.EXE", "", "ATTACHMENT_TYPE_DENIED"),
    (b"x", "a.pdf.exe", "", "ATTACHMENT_TYPE_DENIED"),
    (b"x", "a.exe.", "", "ATTACHMENT_TYPE_DENIED"),
    (b"x", "a.exe .", "", "ATTACHMENT_TYPE_DENIED"),
    (b"x", "a.e\u200bxe", "", "ATTACHMENT_TYPE_DENIED"),
    (b"x", "a\uff0eexe", "", "ATTACHMENT_TYPE_DENIED"),
    (b"x", "a.exe::$DATA", "", "ATTACHMENT_TYPE_DENIED"),
    (b"x", "a.js", "", "ATTACHMENT_TYPE_DENIED"),
    (b"x", "a.docx.scr", "", "ATTACHMENT_TYPE_DENIED"),
    (b"x", ".bat", "", "ATTACHMENT_TYPE_DENIED"),
    (b"x", "a", "application/x-msdownload", "ATTACHMENT_TYPE_DENIED"),
    (b"x", "a", "Text/JavaScript; charset=utf-8", "ATTACHMENT_TYPE_DENIED"),
    (b"x", "a.eml", "message/rfc822", "ATTACHMENT_TYPE_DENIED"),
    (b"x", "a", "multipart/mixed; boundary=x", "ATTACHMENT_TYPE_DENIED"),
    (b"x", "a", "pdf", "ATTACHMENT_TYPE"),
    (b"x", "a", "a/b/c", "ATTACHMENT_TYPE"),
    (b"x", "a", "text/plain\r\nX-Evil: 1", "ATTACHMENT_TYPE"),
    (EXE, "holiday.pdf", "application/pdf", "ATTACHMENT_TYPE_DENIED"),
    (b"\x7fELF\x02\x01\x01", "a.bin", "", "ATTACHMENT_TYPE_DENIED"),
    (b"#!/bin/sh\nrm -rf /\n", "notes.txt", "text/plain", "ATTACHMENT_TYPE_DENIED"),
    (b"<html>", "a.png", "image/png", "ATTACHMENT_NOT_AN_IMAGE"),
    (JPEG, "a.png", "image/png", "ATTACHMENT_NOT_AN_IMAGE"),
    (b"GIF", "a.gif", "", "ATTACHMENT_NOT_AN_IMAGE"),
    (b"x", "a", "image/x-unheard-of", "ATTACHMENT_NOT_AN_IMAGE"),
    (b"<html><script>", "a.svg", "image/svg+xml", "ATTACHMENT_NOT_AN_IMAGE"),
]


@pytest.mark.parametrize(("content", "name", "kind", "reason"), BAD_UPLOADS)
async def test_what_no_email_should_carry_is_refused(
    client: Client, peers: fakes.Peers, content: bytes, name: str, kind: str, reason: str
) -> None:
    error = await refusal(uploaded(client, content, name, kind))
    assert (error.code, reasons(error)) == (Code.INVALID_ARGUMENT, {reason})
    assert not peers.admin.puts


def reasons(error: PulseError) -> set[str]:
    return {error.reason}


async def test_a_text_that_begins_like_a_program_is_a_text(client: Client) -> None:
    assert (await uploaded(client, b"MZ are my initials\n", "a.txt")).content_type == "text/plain"


async def test_a_file_has_ten_mebibytes_at_the_most(client: Client) -> None:
    assert (await uploaded(client, b"x" * (10 * MIB), "a.txt")).size == 10 * MIB
    for size in (10 * MIB + 1, 11 * MIB):
        error = await refusal(uploaded(client, b"x" * size, "a.txt"))
        assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE")


async def test_content_is_kept_once_and_only_named_in_what_goes_on(client: Client, peers: fakes.Peers) -> None:
    logo = {"content": PNG, "filename": "logo.png", "inline_id": "logo"}
    for _ in range(2):
        await client.send(attachments=[logo, {"content": PNG, "filename": "copy.png"}])
    assert len(peers.admin.puts) == 1
    for submission in peers.router.submissions:
        first, second = submission.asked.attachments
        assert (first.content, first.filename, first.content_type) == (b"", "logo.png", "image/png")
        assert (first.inline_id, first.size, first.sha256) == ("logo", len(PNG), hashlib.sha256(PNG).hexdigest())
        assert (second.attachment_id, second.filename) == (first.attachment_id, "copy.png")


async def test_an_uploaded_file_is_named_by_its_id_and_may_be_called_otherwise(
    client: Client, peers: fakes.Peers
) -> None:
    stored = await uploaded(client, PDF, "a.pdf", "application/pdf")
    await client.send(attachments=[{"attachment_id": stored.attachment_id}])
    await client.send(
        attachments=[{"attachment_id": stored.attachment_id, "filename": "b.bin", "content_type": "application/x-b"}]
    )
    said = [
        (one.asked.attachments[0].filename, one.asked.attachments[0].content_type) for one in peers.router.submissions
    ]
    assert said == [("a.pdf", "application/pdf"), ("b.bin", "application/x-b")]


async def test_what_is_only_validated_is_not_kept(client: Client, peers: fakes.Peers) -> None:
    await client.send(validate_only=True, attachments=[{"content": PDF, "filename": "a.pdf"}])
    assert not peers.admin.puts


async def test_one_key_is_for_one_content(client: Client) -> None:
    files = [{"content": PDF, "filename": "a.pdf"}]
    first = await client.send(idempotency_key="k", attachments=files)
    assert (await client.send(idempotency_key="k", attachments=files)).notification_id == first.notification_id
    error = await refusal(client.send(idempotency_key="k", attachments=[{"content": PDF + b"!", "filename": "a.pdf"}]))
    assert error.reason == "IDEMPOTENCY_KEY_REUSED"


A = {"filename": "a.txt", "content": b"x"}
BAD_REQUESTS: list[tuple[dict[str, Any], str, str]] = [
    ({"filename": "a.txt"}, "ATTACHMENT_SOURCE", "attachments[0]"),
    ({**A, "attachment_id": "att_1"}, "ATTACHMENT_SOURCE", "attachments[0]"),
    ({"content": b"x"}, "ATTACHMENT_FILENAME", "attachments[0].filename"),
    ({**A, "filename": "../../x"}, "ATTACHMENT_FILENAME", "attachments[0].filename"),
    ({**A, "filename": "a.vbs"}, "ATTACHMENT_TYPE_DENIED", "attachments[0].filename"),
    ({**A, "content": EXE}, "ATTACHMENT_TYPE_DENIED", "attachments[0].content"),
    ({**A, "content_type": "image/png"}, "ATTACHMENT_NOT_AN_IMAGE", "attachments[0].content"),
    ({**A, "inline_id": "logo"}, "ATTACHMENT_NOT_AN_IMAGE", "attachments[0]"),
    ({**A, "as_link": True}, "ATTACHMENT_LINKS_OFF", "attachments[0].as_link"),
]


@pytest.mark.parametrize(("attachment", "reason", "field"), BAD_REQUESTS)
async def test_a_request_with_a_file_that_cannot_go_is_refused(
    client: Client, peers: fakes.Peers, attachment: dict[str, Any], reason: str, field: str
) -> None:
    error = await refusal(client.send(attachments=[attachment]))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason)
    assert [one.field for one in error.violations] == [field]
    assert not peers.admin.puts
    assert not peers.router.submissions


async def test_an_id_that_is_not_there_is_not_found(client: Client) -> None:
    for unknown in ("att_1", "../../x", "x" * 64):
        error = await refusal(client.send(attachments=[{"attachment_id": unknown}]))
        assert (error.code, error.reason) == (Code.NOT_FOUND, "ATTACHMENT_NOT_FOUND")


async def test_files_of_another_tenant_are_not_there(client: Client, peers: fakes.Peers) -> None:
    stored = await uploaded(client, PDF, "a.pdf")
    peers.reader.attachments["other", stored.attachment_id] = peers.reader.attachments.pop(
        ("default", stored.attachment_id)
    )
    error = await refusal(client.send(attachments=[{"attachment_id": stored.attachment_id}]))
    assert error.reason == "ATTACHMENT_NOT_FOUND"


async def test_a_mail_carries_twenty_files_and_twenty_mebibytes(client: Client) -> None:
    one, other = [(await uploaded(client, letter * (10 * MIB), "a.txt")).attachment_id for letter in (b"x", b"y")]
    both = [{"attachment_id": one}, {"attachment_id": other}]
    assert (await client.send(attachments=both)).notification_id
    error = await refusal(client.send(attachments=[*both, A]))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "ATTACHMENTS_TOO_LARGE")
    assert (await client.send(attachments=[A] * 20)).notification_id
    assert (await refusal(client.send(attachments=[A] * 21))).code is Code.INVALID_ARGUMENT


async def test_content_has_a_mebibyte_at_the_most(client: Client) -> None:
    assert (await client.send(attachments=[{**A, "content": b"x" * MIB}])).notification_id
    error = await refusal(client.send(attachments=[{**A, "content": b"x" * (MIB + 1)}]))
    assert error.code is Code.INVALID_ARGUMENT


async def test_a_channel_that_carries_no_files_refuses_them(client: Client) -> None:
    error = await refusal(
        client.send(template_name="code_otp", to="+4915112345678", context={"code": "1"}, attachments=[A])
    )
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "ATTACHMENTS_NOT_CARRIED")


async def test_a_fallback_that_carries_no_files_does_not_hold_up_the_email(client: Client, peers: fakes.Peers) -> None:
    contents = [template_pb2.TemplateContent(channel=one, body="Hi {{ name }}") for one in (1, 2)]
    peers.store(
        template_pb2.Template(name="both", channel=enums_pb2.EMAIL, version=1, variables=["name"], contents=contents)
    )
    fallback = {"channel": enums_pb2.SMS, "to": "+4915112345678"}
    sent = await client.send(template_name="both", attachments=[A], fallbacks=[fallback])
    assert sent.notification_id
