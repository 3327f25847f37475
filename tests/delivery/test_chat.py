"""Chat: what each kind of service is sent, and that a caller's text is text to all of them."""

from __future__ import annotations

import asyncio
import html
import json
import re
from typing import Any

import pytest

from services.delivery.providers.apprise.kinds import KINDS, speaker
from services.delivery.providers.apprise.speaking import CannotSpeak
from shared.saying.said import NOTHING
from shared.text.chat_bounds import CHAT_KINDS

ID = "01890a5d-ac96-774b-bcce-b302099a8057"
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
DISCORD = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"
TEAMS = (
    "https://prod-01.westeurope.logic.azure.com:443/workflows/643a8b0a0a/triggers/manual/paths/invoke"
    "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=SIGNATURE"
)
TELEGRAM = "tgram://123456789:abcdefg_hijklmnop/12315544"
MATRIX = "matrixs://syt_token@matrix.example.org/!room:example.org"
NTFY = "ntfys://ntfy.example.org/alerts"
GOTIFY = "gotifys://gotify.example.org/tokenabc"
MATTERMOST = "mmosts://mm.example.org/3ccdd113474722377935511fc85d3dd4"
ALL = {
    "slack": SLACK,
    "discord": DISCORD,
    "teams": TEAMS,
    "telegram": TELEGRAM,
    "matrix": MATRIX,
    "ntfy": NTFY,
    "gotify": GOTIFY,
    "mattermost": MATTERMOST,
}
NASTY = (
    "<!channel> <!here|x> <@U123> <#C1> @everyone @here @channel @all @ann &lt; & *b* _i_ ~s~ ||s|| `c` ```\nx\n```\n"
    "# head\n> quoted\n- one\n1. two\n[text](http://a.example) <http://b.example|b> <b>bold</b> {{ x }} \\* "
    "https://c.example/a_b_c?x=*y* <t:1:R> <:x:1> \u202e"
)


def sent(url: str, body: str = NASTY, title: str = "Ti *t* <!here>") -> tuple[str, str, dict[str, str], dict[str, Any]]:
    request = speaker(url).request(ID, title, body)
    return request.method, request.url, request.headers, json.loads(request.body)


def test_every_kind_has_a_bound_and_every_bound_a_kind() -> None:
    assert {kind.name for kind in KINDS} == CHAT_KINDS.keys() == ALL.keys()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (SLACK, "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"),
        ("https://hooks.slack.com/services/T1J/A1B/TIi", "https://hooks.slack.com/services/T1J/A1B/TIi"),
        ("https://hooks.slack-gov.com/services/T1J/A1B/TIi", "https://hooks.slack-gov.com/services/T1J/A1B/TIi"),
        (DISCORD, "https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?wait=true"),
        (
            f"{DISCORD}?thread=7",
            "https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?thread_id=7&wait=true",
        ),
        ("https://discord.com/api/webhooks/41/JH", "https://discord.com/api/webhooks/41/JH?wait=true"),
        (TEAMS, TEAMS),
        (TELEGRAM, "https://api.telegram.org/bot123456789:abcdefg_hijklmnop/sendMessage"),
        (
            MATRIX,
            f"https://matrix.example.org/_matrix/client/v3/rooms/%21room%3Aexample.org/send/m.room.message/{ID}",
        ),
        (NTFY, "https://ntfy.example.org/"),
        ("ntfy://alerts", "https://ntfy.sh/"),
        ("https://ntfy.sh/alerts", "https://ntfy.sh/"),
        ("ntfys://ntfy.example.org:8443/alerts", "https://ntfy.example.org:8443/"),
        (GOTIFY, "https://gotify.example.org/message"),
        (MATTERMOST, "https://mm.example.org/hooks/3ccdd113474722377935511fc85d3dd4"),
    ],
)
def test_one_request_goes_to_the_place_that_the_address_means(url: str, place: str) -> None:
    assert sent(url)[1] == place


def test_credentials_go_as_each_service_wants_them() -> None:
    assert sent(MATRIX)[2]["Authorization"] == "Bearer syt_token"
    assert sent("ntfys://ann:pw@ntfy.example.org/alerts")[2]["Authorization"] == "Basic YW5uOnB3"
    assert sent(GOTIFY)[2]["X-Gotify-Key"] == "tokenabc"


def test_slack_is_told_text_that_neither_calls_nor_links() -> None:
    body = sent(SLACK)[3]
    (attachment,) = body["attachments"]
    assert html.unescape(attachment["text"]) == NASTY
    assert html.unescape(attachment["title"]) == "Ti *t* <!here>"
    assert "<" not in attachment["text"] + attachment["title"]
    assert body["mrkdwn"] is False
    assert not attachment.keys() & {"mrkdwn_in", "footer", "ts"}
    assert "github" not in json.dumps(body)
    assert (body["unfurl_links"], body["unfurl_media"]) == (False, False)
    assert not body.keys() & {"link_names", "parse"}


@pytest.mark.parametrize("url", [DISCORD, f"{DISCORD}?thread=7"])
def test_discord_calls_nobody_whatever_the_text_says(url: str) -> None:
    body = sent(url)[3]
    assert body["allowed_mentions"] == {"parse": []}
    assert body.keys() == {"tts", "content", "allowed_mentions"}
    title, _, text = body["content"].partition("\n")
    assert title == "**Ti \\*t\\* \\<!here>**"
    assert unescaped(text) == NASTY
    assert not re.search(r"(?<!\\)<", text)
    assert "https://c.example/a_b_c?x=*y*" in text, "a page's address stays one"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("# a", r"\# a"),
        ("a\n## b", "a\n\\## b"),
        ("  - a\n\t+ b", "  \\- a\n\t\\+ b"),
        ("10. a\n10) b", "10\\. a\n10\\) b"),
        ("a - b # c 3. d", "a - b # c 3. d"),
        ("> a", r"\> a"),
        ("-# small", r"\-# small"),
        ("2026-11-30", "2026-11-30"),
        ("https://a.example/#x - b", "https://a.example/#x - b"),
        ("https://a.example\n# b", "https://a.example\n\\# b"),
        ("https://a.example/x_y_ # b", "https://a.example/x_y_ # b"),
        ("snake_case", r"snake\_case"),
    ],
)
def test_only_what_is_markdown_is_escaped(text: str, written: str) -> None:
    assert sent(DISCORD, text, "")[3]["content"] == written


def unescaped(text: str) -> str:
    """As Markdown shows it."""
    parts = re.split(r"(https?://[^\s<>]+)", text)
    return "".join(part if n % 2 else re.sub(r"\\([^A-Za-z0-9\s])", r"\1", part) for n, part in enumerate(parts))


def test_mattermost_calls_nobody_by_its_own_words_or_by_slacks() -> None:
    body = sent(MATTERMOST)[3]
    text = body["text"].partition("\n")[2]
    assert unescaped(text).replace("\u200b", "") == NASTY
    assert not re.search(r"@(?=\w)|<(?=[!@#])", text)
    assert "@all" not in sent(MATTERMOST, "see https://a.example/@all or https://a.example/@ALL?x")[3]["text"].lower()
    assert body["username"] == "Pulse"


def test_teams_shows_title_and_text_as_they_are() -> None:
    (card,) = sent(TEAMS)[3]["attachments"]
    title, text = card["content"]["body"]
    assert unescaped(title["text"]) == "Ti *t* <!here>"
    assert unescaped(text["text"]).replace("\n\n", "\n") == NASTY
    assert "entities" not in json.dumps(card)


def test_telegram_shows_title_and_text_as_they_are() -> None:
    body = sent(TELEGRAM)[3]
    assert body["parse_mode"] == "HTML"
    title, _, text = body["text"].partition("\n")
    assert title == "<b>Ti *t* &lt;!here&gt;</b>"
    assert (html.unescape(text), "<" in text) == (NASTY, False)
    assert (body["chat_id"], body["disable_web_page_preview"]) == (12315544, True)


def test_matrix_calls_nobody_and_sends_a_repetition_under_the_same_id() -> None:
    speaks = speaker(MATRIX)
    first, second = speaks.request(ID, "", "a"), speaks.request(ID, "", "a")
    assert first == second
    body = sent(MATRIX, "@room hi", "Title")[3]
    assert body == {"msgtype": "m.text", "body": "Title\n@room hi", "m.mentions": {}}


@pytest.mark.parametrize(("url", "text"), [(NTFY, "message"), (GOTIFY, "message")])
def test_plain_services_are_told_plain_text(url: str, text: str) -> None:
    body = sent(url)[3]
    assert (body["title"], body[text]) == ("Ti *t* <!here>", NASTY)
    assert not body.keys() & {"markdown", "extras", "attach", "click", "actions"}


@pytest.mark.parametrize("name", ALL)
def test_without_a_title_the_text_stands_alone(name: str) -> None:
    assert "hello" in json.dumps(sent(ALL[name], "hello", "")[3])
    assert "****" not in json.dumps(sent(ALL[name], "hello", " \n ")[3])


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("sign", ["x", "<", "&", "*", "ä", "\U0001f600", "a\n", "@a "])
def test_what_is_within_the_bound_goes_whole_and_in_one(name: str, sign: str) -> None:
    bound, title, body = CHAT_KINDS[name], "A title", ""
    low, high = 1, bound.most
    while low < high:
        middle = (low + high + 1) // 2
        fits = bound.is_kept(ID, title, sign * middle, NOTHING)
        low, high = (middle, high) if fits else (low, middle - 1)
    body = sign * low
    written = json.dumps(sent(ALL[name], body, title)[3], ensure_ascii=False)
    signs = sign.strip().removeprefix("@")[:1]
    assert html.unescape(written).count(signs) >= low


@pytest.mark.parametrize(
    "url", ["", "slack", "://", "slack://", "x" * 500, "mailto://a:b@c.example", "slack://[", "ntfy://", "tgram://1/2"]
)
def test_what_is_no_address_is_refused_without_telling_it(url: str) -> None:
    with pytest.raises(CannotSpeak) as caught:
        speaker(url)
    assert len(url) < 4 or url not in str(caught.value)


async def test_apprise_opens_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection is opened")

    monkeypatch.setattr("socket.create_connection", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    for url in ALL.values():
        await asyncio.to_thread(sent, url)
