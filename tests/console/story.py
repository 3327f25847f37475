"""A suite with something of everything to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from proof.waiting import wait_until
from tests.e2e.suite import Suite

PEOPLE = (
    "ada",
    "alan",
    "barbara",
    "dennis",
    "edsger",
    "frances",
    "grace",
    "hedy",
    "jean",
    "ken",
    "linus",
    "radia",
    "tim",
)
#: Mailboxes and numbers that providers will not take, and one that they cannot take now.
REFUSED, BUSY = "gone.example.com", "busy.example.com"
FAULTS = [
    {"provider": "smtp", "match": REFUSED, "action": "status", "value": 550},
    {"provider": "smtp", "match": BUSY, "action": "status", "value": 451},
]
NEWS: dict[str, Any] = {
    "name": "weekly_news",
    "channel": "EMAIL",
    "category": "news",
    "default_locale": "en",
    "digest_window": "3600s",
    "contents": [
        {
            "subject": "This week, {{ name }}",
            "body": "Hello {{ name }},\n\n{{ digest.count }} things happened this week.\n",
            "html_body": "<h2>Hello {{ name }}</h2><p><b>{{ digest.count }}</b> things happened this week.</p>",
        },
        {
            "locale": "de",
            "subject": "Diese Woche, {{ name }}",
            "body": "Hallo {{ name }},\n\ndiese Woche: {{ digest.count }} Neuigkeiten.\n",
            "html_body": "<h2>Hallo {{ name }}</h2><p>Diese Woche: <b>{{ digest.count }}</b> Neuigkeiten.</p>",
        },
    ],
}
ORDER: dict[str, Any] = {
    "name": "order_update",
    "channel": "PUSH",
    "category": "orders",
    "contents": [{"subject": "Your order", "body": "Order {{ order }} is on its way."}],
}


@dataclass(frozen=True)
class Story:
    """Ids of what is worth a look: went by its fallback, its digest's head, told in that digest, suppressed, dead."""

    fallback: str
    head: str
    collapsed: str
    suppressed: str
    dead: str


def tell(suite: Suite) -> Story:
    """Sends all of it; ends when everything stands where it will stay, or waits for its next attempt."""
    suite.sandbox.put("/api/faults", json=FAULTS)
    for template in (NEWS, ORDER):
        _post(suite, "/v1/templates", template)
    choices = [{"category": "news", "channel": "SMS"}, {"category": "orders", "channel": "EMAIL", "enabled": True}]
    _prefer(suite, "grace", choices=choices)
    # Nobody who is sent anything: what falls into quiet hours waits for the morning, and this runs at any hour.
    _prefer(suite, "katherine", time_zone="Europe/Berlin", quiet_from="22:00", quiet_until="07:00")
    _post(suite, "/v1/recipients/grace/devices", {"token": "c2FuZGJveA" * 12, "label": "Pixel 9"})
    _post(suite, "/v1/recipients/hedy/suppressions", {"channel": "SMS"})
    _limit(suite, kind="USER_CHANNEL", subject="login_otp", amount=3, window="60s")
    _limit(suite, kind="SMS_PREFIX", subject="+881", amount=0)
    _limit(suite, kind="TENANT", amount=500_000, window="3600s")
    ordinary = [*_mails(suite), *_codes(suite)]
    head, collapsed = (_send(suite, "grace", NEWS["name"], context={"name": "Grace"}, **_mail("grace")) for _ in "12")
    fallback = _send(
        suite,
        "linus",
        ORDER["name"],
        context={"order": "1042"},
        fallbacks=[{"channel": "SMS", "to": "+15551230042", "after": "30s"}],
    )
    suppressed = _send(suite, "hedy", "welcome_push", channel="SMS", to="+15551230007", context={"name": "Hedy"})
    dead = [_send(suite, person, to=f"{person}@{REFUSED}") for person in PEOPLE[:6]]
    _send(suite, "tim", to=f"tim@{BUSY}")
    for arrives in ordinary:
        _until(suite, arrives, "SENT", "DELIVERED", "UNDELIVERED")
    for dies in dead:
        _until(suite, dies, "FAILED", "UNDELIVERED")
    _until(suite, fallback, "SENT", "DELIVERED")
    return Story(fallback, head, collapsed, suppressed, dead[0])


def _mails(suite: Suite) -> list[str]:
    return [_send(suite, person, **_mail(person)) for person in PEOPLE for _ in range(len(person) // 2)]


def _codes(suite: Suite) -> list[str]:
    numbers = [f"+1555123{number:04}" for number in range(len(PEOPLE))]
    return [
        _send(suite, person, "login_otp", channel="SMS", to=number, context={"code": "123456"})
        for person, number in zip(PEOPLE, numbers, strict=True)
        if person != "hedy"
    ]


def _prefer(suite: Suite, person: str, **preferences: Any) -> None:
    suite.rest.put(f"/v1/recipients/{person}/preferences", json=preferences).raise_for_status()


def _limit(suite: Suite, **limit: Any) -> None:
    _post(suite, "/v1/operations/limits", limit)


def _mail(person: str) -> dict[str, str]:
    return {"to": f"{person}@example.com"}


def _send(suite: Suite, person: str, template: str = "welcome_email", **fields: Any) -> str:
    body = {"user_id": person, "template_name": template, "context": {"name": person.title()}, **fields}
    return str(_post(suite, "/v1/notifications", body)["notification_id"])


def _post(suite: Suite, path: str, body: Any) -> dict[str, Any]:
    answer = suite.rest.post(path, json=body)
    assert answer.is_success, answer.text
    return dict(answer.json())


def _until(suite: Suite, notification_id: str, *statuses: str) -> None:
    wait_until(lambda: suite.rest.get(f"/v1/notifications/{notification_id}").json()["status"] in statuses, timeout=60)
