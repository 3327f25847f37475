"""A notification's page tells its files, hands them out to be saved, and what the request says itself."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import pytest

from pulse_client.models import AttachedFile
from services.console.views.attachment_pages import disposition
from tests.console.book import Book

FILES: dict[str, Any] = {
    "att_1": {"filename": "invoice <7>.pdf", "content_type": "application/pdf", "size": 12_345, "sha256": "ab" * 32},
    "att_2": {"filename": "logo.png", "content_type": "image/png", "size": 7, "sha256": "cd" * 32, "inline_id": "logo"},
}


@pytest.fixture
def stored(book: Book) -> str:
    """A notification with two files, one of which is gone by now."""
    made = book.add()
    for attachment_id, file in FILES.items():
        made.attachments.add(attachment_id=attachment_id, **file)
    book.files["att_1"] = b"<script>alert(1)</script>\x00\xff" * 100_000
    book.files["att_3"] = b"another notification's"
    return f"/console/notifications/{made.notification_id}"


async def test_files_are_listed_with_name_type_size_and_hash(visitor, stored: str):
    page = (await visitor.get(stored)).text
    assert f'href="{stored}/attachments/att_1"' in page
    assert "invoice &lt;7&gt;.pdf" in page and "12,345 bytes" in page and "application/pdf" in page
    assert 'title="abababab' in page and ">abababababab<" in page
    assert "cid:logo" in page


async def test_a_file_comes_byte_for_byte_to_be_saved_and_not_shown(visitor, book: Book, stored: str):
    answer = await visitor.get(f"{stored}/attachments/att_1")
    assert answer.content == book.files["att_1"]
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("attachment_id", ["att_2", "att_3", "nothing", "%2e%2e", "x'OR'1"])
async def test_what_is_no_file_of_it_or_is_gone_is_a_clear_404(visitor, stored: str, attachment_id: str):
    answer = await visitor.get(f"{stored}/attachments/{attachment_id}")
    assert answer.status_code == 404
    assert "content-disposition" not in answer.headers


@pytest.mark.parametrize(
    "name",
    ["a.pdf", "Straße & Söhne.pdf", "日本語.png", 'quote".txt', "semi;colon.txt", "per%20cent.txt", "back\\slash", ""],
)
def test_a_name_comes_out_as_it_went_in(name: str):
    said = disposition(AttachedFile("att_1", name, "text/plain", 1, "", ""))
    assert re.fullmatch(r"attachment; filename=\"[\w. -]+\"; filename\*=UTF-8''[\w.%~-]+", said, re.ASCII), said
    assert unquote(said.partition("''")[2]) == (name or "att_1")


async def test_what_the_request_said_in_the_templates_place_is_shown(visitor, book: Book):
    made = book.add()
    for path in ("subject", "push.link"):
        made.timeline[0].decisions.add(rule="content", result=path, reason="the request says it")
    made.timeline[0].decisions.add(rule="sms", result="2 segments, UCS_2", reason='GSM-7 lacks "ł" (U+0142).')
    page = (await visitor.get(f"/console/notifications/{made.notification_id}")).text
    details = page[page.index('<dl class="details">') :]
    assert "subject, push.link" in details
    assert "2 segments, UCS_2" in details and "U+0142" in details
