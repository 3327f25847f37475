"""Files that go as links: what stands in the texts, what somebody gets who follows one, and what is refused."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from typing import Any
from unittest import mock

import pytest

from pulse.common.v1 import enums_pb2
from pulse.common.v1.attachment_pb2 import StoredAttachment
from pulse.common.v1.template_pb2 import Template, TemplateContent
from pulse.gateway.v1 import attachment_service_pb2, linked_file_service_pb2, unsubscribe_service_pb2
from pulse.gateway.v1.linked_file_service_pb2_grpc import LinkedFileServiceStub
from services.gateway.api.linked_file_service import LinkedFileService
from services.gateway.sending.attachments import Attachments
from shared import file_links, unsubscribe
from shared.clock import FixedClock
from shared.errors import Code
from shared.signing import KeyRing
from tests.gateway import fakes
from tests.gateway.conftest import Client, Serve, refusal

KEY = "a-key-of-sixteen-characters"
ON = {"PULSE_UNSUBSCRIBE_KEY": KEY, "PULSE_PUBLIC_URL": "https://pulse.example.com/"}
PDF = {"content": b"%PDF-1.7", "filename": "Rechnung \u00fcber 7.pdf"}
AS_LINK = {**PDF, "as_link": True}
BY_SMS: dict[str, Any] = {"template_name": "code_otp", "to": "+4915112345678", "context": {"code": "7"}}
WEEK = dt.timedelta(days=7)


@pytest.fixture
async def linked(serve: Serve) -> Client:
    """A gateway that makes links."""
    return await serve(**ON)


def asked(peers: fakes.Peers) -> Any:
    return peers.router.submissions[-1].asked


def token_of(url: str) -> str:
    return url.removeprefix("https://pulse.example.com/files/")


async def follow(client: Client, token: str) -> tuple[bytes, str, dict[str, str]]:
    """What somebody gets: bytes, their kind, headers."""
    call = LinkedFileServiceStub(client.channel).DownloadLinkedFile(
        linked_file_service_pb2.DownloadLinkedFileRequest(token=token)
    )
    body = await call
    return body.data, body.content_type, dict(await call.initial_metadata())


async def test_a_file_is_given_to_whoever_has_the_link_until_it_ends(
    linked: Client, peers: fakes.Peers, clock: FixedClock
) -> None:
    await linked.send(attachments=[AS_LINK])
    [file] = asked(peers).attachments
    assert file.as_link and file.url.startswith("https://pulse.example.com/files/")
    assert len(token_of(file.url)) < 120
    data, kind, headers = await follow(linked, token_of(file.url))
    assert (data, kind) == (b"%PDF-1.7", "application/pdf")
    assert headers["content-disposition"] == (
        "attachment; filename=\"Rechnung _ber 7.pdf\"; filename*=UTF-8''Rechnung%20%C3%BCber%207.pdf"
    )
    assert headers["x-content-type-options"] == "nosniff" and "sandbox" in headers["content-security-policy"]
    assert headers["cache-control"] == "private, no-store" and "x-http-code" not in headers
    clock.advance(WEEK.total_seconds() - 1)
    assert (await follow(linked, token_of(file.url)))[0] == b"%PDF-1.7"
    clock.advance(1)
    page, kind, headers = await follow(linked, token_of(file.url))
    assert b"not here any more" in page and kind.startswith("text/html")
    assert headers["x-http-code"] == "410" and "default-src 'none'" in headers["content-security-policy"]


async def test_a_file_that_is_not_kept_any_more_is_told_as_gone(linked: Client, peers: fakes.Peers) -> None:
    await linked.send(attachments=[AS_LINK])
    token = token_of(asked(peers).attachments[0].url)
    peers.reader.attachments.clear()
    page, _, headers = await follow(linked, token)
    assert b"not here any more" in page and headers["x-http-code"] == "410"


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("page.html", "text/html", "application/octet-stream"),
        ("page.xhtml", "application/xhtml+xml", "application/octet-stream"),
        ("feed.xml", "text/xml", "application/octet-stream"),
        ("words.txt", "text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("list.csv", "text/csv", "text/csv"),
        ('a"b%0d.txt', "text/plain", "text/plain"),
    ],
)
async def test_nothing_is_run_under_the_address(
    linked: Client, peers: fakes.Peers, name: str, kind: str, told: str
) -> None:
    content = b"<script>alert(1)</script>"
    await linked.send(attachments=[{"content": content, "filename": name, "content_type": kind, "as_link": True}])
    data, shown, headers = await follow(linked, token_of(asked(peers).attachments[0].url))
    assert (data, shown) == (content, told)
    assert headers["content-disposition"].startswith("attachment; ")
    assert not {"\r", "\n"} & set(headers["content-disposition"])


async def test_what_is_no_link_of_pulses_is_a_page_that_says_so(linked: Client, peers: fakes.Peers) -> None:
    await linked.send(attachments=[AS_LINK])
    token = token_of(asked(peers).attachments[0].url)
    subscription = unsubscribe.Subscription("default", "u-1", "news", "EMAIL")
    forged = file_links.FileLink("default", "att_" + "0" * 40, "x", dt.datetime(2100, 1, 1, tzinfo=dt.UTC))
    for wrong in (
        "x",
        "",
        token[:-3],
        token[:30] + ("A" if token[30] != "A" else "B") + token[31:],
        unsubscribe.sign(KeyRing.parse(KEY), subscription),
        file_links.sign(KeyRing.parse("another-key-of-characters"), forged),
    ):
        page, kind, headers = await follow(linked, wrong)
        assert b"does not work" in page and kind.startswith("text/html") and headers["x-http-code"] == "404", wrong
    assert (await follow(linked, f"%20{token}.&utm_source=x"))[0] == b"%PDF-1.7"


async def test_a_link_to_a_file_unsubscribes_nobody(linked: Client, peers: fakes.Peers) -> None:
    await linked.send(attachments=[AS_LINK])
    token = token_of(asked(peers).attachments[0].url)
    shown = await linked.links.ShowUnsubscribe(unsubscribe_service_pb2.ShowUnsubscribeRequest(token=token))
    assert b"does not work" in shown.data


async def test_templates_name_links_and_other_channels_carry_them(linked: Client, peers: fakes.Peers) -> None:
    peers.store(
        Template(
            name="files",
            channel=enums_pb2.SMS,
            version=1,
            contents=[TemplateContent(body="{% for f in attachments %}{{ f.filename }} {{ f.url }}{% endfor %}")],
        )
    )
    answer = await linked.send(template_name="files", to="+4915112345678", attachments=[AS_LINK], context={"a": 1})
    context = json.loads(asked(peers).context_json)
    [said] = context["attachments"]
    assert context["a"] == 1
    assert said == {
        "filename": PDF["filename"],
        "content_type": "application/pdf",
        "size": 8,
        "url": asked(peers).attachments[0].url,
        "expires_at": "2026-06-08T12:00:00Z",
    }
    assert answer.sms.segments == 1
    decisions = [(one.rule, one.result) for one in peers.router.submissions[-1].decisions]
    assert ("attachments", "as links until 2026-06-08T12:00:00Z") in decisions


async def test_a_link_that_no_text_says_counts_as_the_text_that_it_becomes(linked: Client, peers: fakes.Peers) -> None:
    plain = await linked.send(**BY_SMS)
    with_link = await linked.send(**BY_SMS, attachments=[AS_LINK])
    assert (plain.sms.segments, with_link.sms.segments) == (1, 2)
    error = await refusal(
        linked.send(
            template_name="alert",
            to="device",
            context={"text": "x" * 3900},
            attachments=[AS_LINK],
        )
    )
    assert error.reason == "PUSH_TOO_LARGE"


async def test_a_link_lasts_from_when_it_may_be_sent(linked: Client, peers: fakes.Peers, clock: FixedClock) -> None:
    later = clock.now() + dt.timedelta(days=2)
    await linked.send(attachments=[AS_LINK], send_at=later)
    link = file_links.verify(KeyRing.parse(KEY), token_of(asked(peers).attachments[0].url))
    assert link.ends_at == later + WEEK
    await linked.send(attachments=[AS_LINK], send_at=later, expires_at=later + dt.timedelta(hours=1))
    link = file_links.verify(KeyRing.parse(KEY), token_of(asked(peers).attachments[0].url))
    assert link.ends_at == later + dt.timedelta(hours=1) + WEEK


async def test_how_long_is_a_setting(serve: Serve, peers: fakes.Peers, clock: FixedClock) -> None:
    client = await serve(**ON, PULSE_GATEWAY_FILE_LINK_HOURS="2")
    await client.send(attachments=[AS_LINK])
    link = file_links.verify(KeyRing.parse(KEY), token_of(asked(peers).attachments[0].url))
    assert link.ends_at == clock.now() + dt.timedelta(hours=2)


async def test_one_that_was_uploaded_goes_as_a_link_under_the_name_that_is_said(
    linked: Client, peers: fakes.Peers
) -> None:
    upload = attachment_service_pb2.UploadAttachmentRequest(filename="a.pdf")
    upload.file.data = b"%PDF-1.7"
    stored = await linked.attachments.UploadAttachment(upload)
    file = {"attachment_id": stored.attachment_id, "filename": "b.pdf", "as_link": True}
    await linked.send(attachments=[file, {**PDF, "filename": "c.pdf"}])
    link, carried = asked(peers).attachments
    assert (link.filename, bool(link.url), carried.url, carried.as_link) == ("b.pdf", True, "", False)
    assert "b.pdf" in (await follow(linked, token_of(link.url)))[2]["content-disposition"]


async def test_only_looking_keeps_nothing(linked: Client, peers: fakes.Peers) -> None:
    await linked.send(attachments=[AS_LINK], validate_only=True)
    assert peers.admin.puts == []
    error = await refusal(linked.send(template_name="nope", attachments=[AS_LINK]))
    assert (error.code, peers.admin.puts) == (Code.NOT_FOUND, [])


@pytest.mark.parametrize(
    ("files", "fields", "reason"),
    [
        ([{**AS_LINK, "filename": "a.exe"}], {}, "ATTACHMENT_TYPE_DENIED"),
        ([{"content": b"MZ\x90\x00", "filename": "a.pdf", "as_link": True}], {}, "ATTACHMENT_TYPE_DENIED"),
        ([{**AS_LINK, "filename": "../../x"}], {}, "ATTACHMENT_FILENAME"),
        ([{**AS_LINK, "inline_id": "logo"}], {}, "ATTACHMENT_INLINE_LINK"),
        ([{"attachment_id": "att_" + "0" * 40, "as_link": True}], {}, "ATTACHMENT_NOT_FOUND"),
        ([AS_LINK], {"context": {"name": "Ada", "attachments": []}}, "CONTEXT_RESERVED"),
        ([AS_LINK, PDF], BY_SMS, "ATTACHMENTS_NOT_CARRIED"),
        ([{"as_link": True}], {}, "ATTACHMENT_SOURCE"),
    ],
)
async def test_what_cannot_go_as_a_link_is_refused(
    linked: Client, peers: fakes.Peers, files: list[dict[str, Any]], fields: dict[str, Any], reason: str
) -> None:
    error = await refusal(linked.send(attachments=files, **fields))
    assert error.reason == reason
    assert peers.router.submissions == [] and peers.admin.puts == []


@pytest.mark.parametrize("missing", ["PULSE_UNSUBSCRIBE_KEY", "PULSE_PUBLIC_URL"])
async def test_where_no_links_can_be_made_it_is_said(serve: Serve, missing: str) -> None:
    client = await serve(**{name: value for name, value in ON.items() if name != missing})
    error = await refusal(client.send(attachments=[AS_LINK]))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "ATTACHMENT_LINKS_OFF")
    assert "PULSE_PUBLIC_URL" in error.hint


async def test_an_address_that_a_caller_says_is_none(linked: Client, peers: fakes.Peers) -> None:
    await linked.send(attachments=[{**PDF, "url": "https://evil.example"}])
    assert asked(peers).attachments[0].url == ""


class Counting(Attachments):
    """Keeps whoever asks until all others have asked who may, and counts these."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def get(self, tenant_id: str, attachment_id: str, *, with_content: bool = False) -> tuple[Any, bytes]:
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(100):
            await asyncio.sleep(0)
        self.now -= 1
        return StoredAttachment(content_type="application/pdf"), b"x"


async def test_many_who_follow_links_at_once_have_their_files_in_turns(clock: FixedClock) -> None:
    """A file has 10 MiB, and whoever has a link may share it with the world."""
    kept, keys, context = Counting(), KeyRing.parse(KEY), mock.AsyncMock()
    service = LinkedFileService(kept, keys, clock)
    link = file_links.FileLink("default", "att_" + "0" * 40, "a.pdf", clock.now() + WEEK)
    request = linked_file_service_pb2.DownloadLinkedFileRequest(token=file_links.sign(keys, link))
    answers = await asyncio.gather(*(service.DownloadLinkedFile(request, context) for _ in range(50)))
    assert [answer.data for answer in answers] == [b"x"] * 50
    assert kept.most == 8
