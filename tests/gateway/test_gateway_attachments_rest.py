"""Files over REST: raw bytes in, the same bytes out, through a real Envoy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
import pytest

from proof.planning import make_plan
from pulse.gateway.v1 import attachment_service_pb2 as api
from pulse.gateway.v1 import attachment_service_pb2_grpc
from tests.gateway import fakes
from tests.gateway.edge import edge

MIB = 2**20


@pytest.fixture
async def rest(serve: Callable[..., Any], tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the edge."""
    plan = make_plan(tmp_path)
    await serve(PULSE_LISTEN=plan.ports.address("grpc"))
    async with edge(plan) as client:
        yield client


@pytest.mark.parametrize("path", ["/v1/attachments", "/v1/attachments/"])
async def test_raw_bytes_are_kept_and_come_back(rest: httpx.AsyncClient, path: str) -> None:
    content = b"\x00\xff{}\r\n" * 1000
    answer = await rest.post(
        path, params={"filename": "naïve.bin"}, content=content, headers={"content-type": "application/x-thing"}
    )
    assert answer.status_code == 200, answer.text
    stored = answer.json()
    assert (stored["size"], stored["content_type"], stored["filename"]) == (
        str(len(content)),
        "application/x-thing",
        "naïve.bin",
    )
    told = (await rest.get(f"/v1/attachments/{stored['attachment_id']}")).json()
    assert told["sha256"] == stored["sha256"]
    got = await rest.get(f"/v1/attachments/{stored['attachment_id']}:download")
    assert got.content == content
    assert got.headers["content-type"] == "application/octet-stream"
    assert (got.headers["content-disposition"], got.headers["x-content-type-options"]) == ("attachment", "nosniff")


async def test_an_upload_as_curl_sends_it_is_of_the_kind_that_its_name_tells(rest: httpx.AsyncClient) -> None:
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "content-disposition": 'attachment; filename="invoice 7.pdf"',
    }
    stored = (await rest.post("/v1/attachments", content=b"%PDF-1.7", headers=headers)).json()
    assert (stored["filename"], stored["content_type"]) == ("invoice 7.pdf", "application/pdf")


async def test_ten_mebibytes_are_taken_and_a_byte_more_is_not(rest: httpx.AsyncClient, peers: fakes.Peers) -> None:
    kind = {"content-type": "text/plain"}
    answer = await rest.post("/v1/attachments", content=b"x" * (10 * MIB), headers=kind)
    assert (answer.status_code, answer.json()["size"]) == (200, str(10 * MIB))
    for size in (10 * MIB + 1, 11 * MIB):
        answer = await rest.post("/v1/attachments", content=b"x" * size, headers=kind)
        assert answer.status_code == 413, answer.text
        assert answer.json()["details"][0]["reason"] == "REQUEST_TOO_LARGE"
    assert len(peers.admin.puts) == 1


async def test_grpc_through_the_edge_takes_as_much(rest: httpx.AsyncClient) -> None:
    options = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(f"{rest.base_url.host}:{rest.base_url.port}", options=options) as channel:
        stub = attachment_service_pb2_grpc.AttachmentServiceStub(channel)
        request = api.UploadAttachmentRequest(filename="a.txt")
        request.file.data = b"x" * (10 * MIB)
        assert (await stub.UploadAttachment(request)).size == 10 * MIB


async def test_no_other_path_takes_more_than_before(rest: httpx.AsyncClient) -> None:
    body = b'{"user_id": "' + b"x" * (5 * MIB) + b'"}'
    for path in ("/v1/notifications", "/v1/notifications:batchSend", "/v1/templates", "/v1/attachments/x"):
        answer = await rest.post(path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 413, (path, answer.text)


@pytest.mark.parametrize(
    ("params", "content", "status", "reason"),
    [
        ({"filename": "../../x"}, b"x", 400, "ATTACHMENT_FILENAME"),
        ({"filename": "a.exe"}, b"x", 400, "ATTACHMENT_TYPE_DENIED"),
        ({"filename": "a.txt"}, b"", 400, "ATTACHMENT_EMPTY"),
        ({"filename": "a.txt", "sender": "x"}, b"x", 400, ""),
    ],
)
async def test_what_is_refused_is_told_in_json(
    rest: httpx.AsyncClient, params: dict[str, str], content: bytes, status: int, reason: str
) -> None:
    answer = await rest.post(
        "/v1/attachments", params=params, content=content, headers={"content-type": "application/octet-stream"}
    )
    assert answer.status_code == status, answer.text
    if reason:
        assert answer.json()["details"][0]["reason"] == reason


async def test_a_file_that_is_not_there_is_not_found(rest: httpx.AsyncClient) -> None:
    for path in ("/v1/attachments/att_1", "/v1/attachments/att_1:download"):
        answer = await rest.get(path)
        assert (answer.status_code, answer.json()["details"][0]["reason"]) == (404, "ATTACHMENT_NOT_FOUND")
