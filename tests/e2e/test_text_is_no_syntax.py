"""What callers say is text: it reaches a mailbox to the letter, or is refused at the door, whatever it looks like."""

from __future__ import annotations

import pytest

from tests.e2e.notifications import new, post, told
from tests.e2e.suite import Suite

TEXTS = [
    "Jürgen =?utf-8?q?=0D=0AReply-To:_eve@evil.example=0D=0A=0D=0A<h1>x</h1>?=",
    "line\u2028separator",
    "paragraph\u2029separator",
    "next\u0085line",
    "à Genève déplacée au 3 février à 10h – salle “Évian”",
    "=?utf-8?b?DQpCY2M6IGV2ZUBldmlsLmV4YW1wbGU=?=",
    "two  blanks and one behind ",
    "From eve\u2028.\u2028",
]
CONTROLS = [
    "a\r\nBcc: eve@evil.example",
    "a\nb",
    "a\rb",
    "a\tb",
    "a\x0bb",
    "a\x0cb",
    "a\x1cb",
    "a\x1eb",
    "a\x7fb",
    "a\0b",
]


@pytest.fixture(scope="module")
def template(suite: Suite) -> str:
    """A template that says a name in subject and body."""
    name = new("t")
    contents = [{"subject": "An: {{ name }}", "body": "{{ name }}|{{ name }}"}]
    answer = suite.rest.post("/v1/templates", json={"name": name, "channel": "email", "contents": contents})
    assert answer.status_code == 200, answer.text
    return name


@pytest.mark.parametrize("own", [False, True])
def test_a_text_arrives_to_the_letter_and_no_mail_is_the_provider_s_fault(
    suite: Suite, template: str, own: bool
) -> None:
    sent: list[tuple[str, str]] = []
    for text in TEXTS:
        subject = {"subject": text} if own else {}
        answer = post(suite, template, context={"name": text}, **subject)
        assert answer.status_code == 200, answer.text
        sent.append((answer.json()["notification_id"], text))
    for notification_id, text in sent:
        receipt = suite.until_arrived(notification_id)
        assert receipt["subject"] == (text if own else f"An: {text}")
        assert receipt["body"] == f"{text}|{text}"
        attempts = [event for event in told(suite, notification_id)["timeline"] if event["kind"] == "ATTEMPT_ENDED"]
        assert [event["outcome"] for event in attempts] == ["SUCCEEDED"]


@pytest.mark.parametrize("text", CONTROLS)
def test_a_control_character_in_a_subject_is_refused_by_name(suite: Suite, template: str, text: str) -> None:
    for fields in ({"context": {"name": text}}, {"subject": text, "context": {"name": "Ann"}}):
        answer = post(suite, template, **fields)
        assert answer.status_code == 400, answer.text
        assert "a control character" in answer.text or "a NUL character" in answer.text
