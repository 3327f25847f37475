"""Files by the client, against the gateway's own rules."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from pulse.common.v1 import enums_pb2
from pulse_client import AsyncClient, Attachment, Client, PulseError, Request, SmsSize
from tests.cli.real_gateway import RealGateway
from tests.gateway import fakes

ANN = Request(user_id="u1", template="welcome", to="ann@example.org")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


@pytest.fixture(scope="module")
def served() -> Iterator[RealGateway]:
    gateway = RealGateway()
    gateway.peers.store(
        fakes.template("welcome", enums_pb2.EMAIL, "Hello", subject="Welcome"),
        fakes.template("code", enums_pb2.SMS, "Code {{ code }}"),
    )
    yield gateway
    gateway.stop()


@pytest.fixture
def client(served: RealGateway) -> Iterator[Client]:
    with Client(served.address) as client:
        yield client


def test_a_file_is_uploaded_once_told_of_and_given_back(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "Rechnung für Ann.pdf"
    path.write_bytes(b"%PDF-1.7 invoice")
    stored = client.upload_attachment(Attachment.from_path(path))
    assert (stored.filename, stored.content_type, stored.size) == (path.name, "application/pdf", 16)
    assert client.upload_attachment(Attachment.from_path(path)).attachment_id == stored.attachment_id
    assert client.get_attachment(stored.attachment_id) == stored
    assert client.download_attachment(stored.attachment_id) == path.read_bytes()


async def test_the_asyncio_client_has_the_same(served: RealGateway) -> None:
    async with AsyncClient(served.address) as client:
        stored = await client.upload_attachment(Attachment.from_bytes(b"a,b", "list.csv"))
        assert await client.get_attachment(stored.attachment_id) == stored
        assert await client.download_attachment(stored.attachment_id) == b"a,b"


def test_a_request_takes_files_along(client: Client, served: RealGateway, tmp_path: Path) -> None:
    stored = client.upload_attachment(Attachment.from_bytes(b"%PDF-1.7", "a.pdf"))
    logo = tmp_path / "logo.png"
    logo.write_bytes(PNG)
    client.send(
        **ANN,
        attachments=[
            stored.attachment(filename="b.pdf"),
            Attachment.from_path(logo, inline_id="logo"),
            Attachment.from_bytes(b"x", "notes", content_type="text/plain"),
            stored.attachment(as_link=True),
        ],
    )
    asked = served.peers.router.submissions[-1].asked.attachments
    assert [(one.filename, one.content_type, one.inline_id) for one in asked] == [
        ("b.pdf", "application/pdf", ""),
        ("logo.png", "image/png", "logo"),
        ("notes", "text/plain", ""),
        ("a.pdf", "application/pdf", ""),
    ]
    assert asked[0].attachment_id == asked[3].attachment_id == stored.attachment_id
    assert [bool(one.url) for one in asked] == [False, False, False, True]


def test_what_the_gateway_refuses_is_told_with_its_reason(client: Client) -> None:
    refused = [
        (lambda: client.upload_attachment(Attachment.from_bytes(b"MZ", "a.exe")), "ATTACHMENT_TYPE_DENIED"),
        (lambda: client.upload_attachment(Attachment.from_bytes(b"", "a.txt")), "ATTACHMENT_EMPTY"),
        (lambda: client.upload_attachment(Attachment.from_bytes(b"x", "../../x")), "ATTACHMENT_FILENAME"),
        (lambda: client.get_attachment("att_" + "0" * 40), "ATTACHMENT_NOT_FOUND"),
        (lambda: client.download_attachment("att_" + "0" * 40), "ATTACHMENT_NOT_FOUND"),
        (
            lambda: client.send(**ANN, attachments=[Attachment.from_bytes(b"x", "a.png", inline_id="a")]),
            "ATTACHMENT_NOT_AN_IMAGE",
        ),
    ]
    for call, reason in refused:
        with pytest.raises(PulseError) as caught:
            call()
        assert caught.value.reason == reason
        assert caught.value.code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)


def test_what_can_be_told_without_a_gateway_is_told_at_once(client: Client, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(10 * 2**20 + 1))
    os.mkfifo(tmp_path / "pipe")
    for path in (large, tmp_path / "pipe", tmp_path):
        with pytest.raises(ValueError):
            Attachment.from_path(path)
    with pytest.raises(FileNotFoundError):
        Attachment.from_path(tmp_path / "none")
    with pytest.raises(ValueError, match="upload_attachment"):
        client.send(**ANN, attachments=[Attachment.from_bytes(bytes(2**20 + 1), "a.bin")])
    with pytest.raises(ValueError, match="attachment_id"):
        client.upload_attachment(Attachment(attachment_id="att_1"))


def test_the_largest_file_is_taken(client: Client) -> None:
    content = bytes(10 * 2**20)
    stored = client.upload_attachment(Attachment.from_bytes(content, "a.bin"))
    assert stored.size == len(content) and client.download_attachment(stored.attachment_id) == content


def test_what_a_text_takes_as_sms_is_told(client: Client) -> None:
    code = Request(user_id="u1", template="code", to="+4915112345678")
    assert client.send(**code, context={"code": "7"}).sms == SmsSize(1, "GSM_7")
    many = client.send_many([Request(**code, context={"code": "ł" * 70}), ANN])
    first, second = many
    assert not isinstance(first, PulseError) and first.sms == SmsSize(2, "UCS_2", "ł")
    assert not isinstance(second, PulseError) and second.sms is None
