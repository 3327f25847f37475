"""I15: a canary one-time code and address appear in no log, trace, broker message or error."""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from proof.waiting import wait_until
from tests.e2e.suite import ARRIVED, Suite
from tests.support.otlp_receiver import OtlpReceiver

CODE = f"canary{uuid.uuid4().hex[:10]}"
MAIL = f"canary.{uuid.uuid4().hex[:10]}@example.com"
NUMBER = f"+1555{uuid.uuid4().int % 10**7:07d}"
#: As short as a time zone's name, so that what reads times takes it for one.
ZONE = "ZQXJV"
DEVICE = f"canary-device-{uuid.uuid4().hex[:10]}"
#: Templates in which a value that is not of the kind a filter or tag expects makes it raise, warn or complain.
ODD = (
    "{{ user | compact: code }}",
    "{{ user | map: code }}",
    "{{ user | sort: code }}",
    "{{ user | where: code, code }}",
    "{{ user | uniq: code }}",
    "{{ user | sum: code }}",
    "{{ items | compact: code }}",
    "{{ items | map: code }}",
    "{{ code | date: '%Y' }}",
    "{{ time | date: code }}",
    "{{ time | date: '%Y' }}",
    "{{ code | divided_by: code }}",
    "{{ 1 | divided_by: user }}",
    "{{ 7 | round: code }}",
    "{{ 'abc' | slice: code }}",
    "{{ 'abc' | truncate: code }}",
    "{{ code | base64_decode }}",
    "{{ code.size.first[code] }}",
    "{% for one in (1..code) %}{{ one }}{% endfor %}",
    "{% for one in items limit: code %}{{ one }}{% endfor %}",
    "{% cycle code: 'a', user %}",
    "{% render code %}",
    "{{ half }}",
)
VALUES = {
    "code": CODE,
    "user": {CODE: CODE, "name": CODE},
    "items": [CODE, {CODE: CODE}, [CODE], None, 7],
    "time": f"2026-11-29 12:00 {ZONE}",
    "half": CODE,
}
CANARIES = (CODE, ZONE, MAIL, MAIL.partition("@")[0], NUMBER, NUMBER[2:], DEVICE)


class Monitor:
    """Every command that the suite's Valkey is given: what the broker carries and the limits keep."""

    def __init__(self, url: str) -> None:
        self.commands: list[str] = []
        self._client = redis.Redis.from_url(url)
        self._monitor = self._client.monitor()
        self._monitor.__enter__()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(redis.ConnectionError):  # the suite has ended
            for command in self._monitor.listen():
                self.commands.append(json.dumps(command, default=repr))


@pytest.fixture(scope="module")
def carried(traced: Suite) -> Iterator[list[str]]:
    """What went through the broker while the canaries were sent."""
    yield Monitor(traced.redis_url()).commands


@pytest.fixture(scope="module")
def answers(traced: Suite, carried: list[str]) -> list[str]:
    """What callers were answered: to what went well, to what failed at the provider, and to what was refused."""
    good = [
        {"template_name": "login_otp", "channel": "SMS", "to": NUMBER, "context": {"code": CODE}},
        {"template_name": "welcome_email", "to": MAIL, "context": {"name": CODE}},
        {"template_name": "welcome_push", "to": DEVICE, "context": {"name": CODE}},
    ]
    faults = [
        {"provider": "smtp", "match": MAIL, "action": "status", "value": 451, "times": 1},
        {"provider": "twilio", "match": NUMBER, "action": "status", "value": 500, "times": 1},
    ]
    assert traced.sandbox.put("/api/faults", json=faults).is_success
    sent = [_send(traced, **body) for body in good]
    ids = [answer.json()["notification_id"] for answer in sent]
    wait_until(lambda: all(traced.status(id_)["status"] in ARRIVED for id_ in ids), timeout=40)
    refused = [
        _send(traced, template_name="login_otp", to=f"{NUMBER}x{CODE}", channel="SMS", context={"code": CODE}),
        _send(traced, template_name="welcome_email", to=f"{MAIL}, {MAIL}", context={"name": CODE}),
        _send(traced, template_name="welcome_email", to=MAIL, context={"nome": CODE}),
        _send(traced, template_name="no_such_template", to=MAIL, context={"name": CODE}),
        _send(traced, template_name="welcome_email", to=MAIL, send_at="9999-12-31T00:00:00Z", context={"name": CODE}),
    ]
    assert all(answer.status_code in (400, 404) for answer in refused), [answer.text for answer in refused]
    return [answer.text for answer in (*sent, *refused, *_odd(traced))]


def _odd(suite: Suite) -> list[Any]:
    """Answers that refused a preview or a send of what is odd, and how the sends that were taken ended."""
    told: list[Any] = []
    taken: list[str] = []
    for text in ODD:
        name = f"odd_{uuid.uuid4().hex[:8]}"
        made = suite.rest.post("/v1/templates", json={"name": name, "channel": "SMS", "contents": [{"body": text}]})
        if not made.is_success:
            told.append(made)
            continue
        preview = suite.rest.post(f"/v1/templates/{name}:preview", json={"context": VALUES})
        sent = _send(suite, template_name=name, channel="SMS", to=NUMBER, context=VALUES)
        told += [one for one in (preview, sent) if not one.is_success]
        taken += [sent.json()["notification_id"]] if sent.is_success else []
    assert taken and told
    for id_ in taken:
        wait_until(lambda id_=id_: suite.status(id_)["status"] in ARRIVED | {"failed"}, timeout=40)
        told.append(suite.rest.get(f"/v1/notifications/{id_}"))
    return told


def _send(suite: Suite, **body: Any) -> Any:
    return suite.rest.post("/v1/notifications", json={"user_id": f"user_{uuid.uuid4().hex[:8]}", **body})


def found(text: str) -> set[str]:
    return {canary for canary in CANARIES if canary in text}


def test_no_answer_or_error_repeats_them(answers: list[str]) -> None:
    # A notification itself says where it went.
    assert found("\n".join(answers)) - {NUMBER, NUMBER[2:]} == set()


def test_no_log_holds_them(traced: Suite, answers: list[str]) -> None:
    logs = {log.name: found(log.read_text(errors="replace")) for log in (traced.home / "log").glob("*.log")}
    assert len(logs) > 8
    assert {name: canaries for name, canaries in logs.items() if canaries} == {}


def test_no_broker_message_or_limit_holds_them(carried: list[str], answers: list[str]) -> None:
    assert any("pulse.deliver" in command for command in carried)
    assert found("\n".join(carried)) == set()


def test_no_span_holds_them(receiver: OtlpReceiver, answers: list[str]) -> None:
    wait_until(lambda: any(span.name == "deliver" and span.error for span in receiver.spans))
    assert found("\n".join(map(repr, receiver.spans))) == set()


def test_the_canaries_did_arrive(traced: Suite, answers: list[str]) -> None:
    """So the places above were looked at while there was something to find."""
    assert found((traced.home / "data" / "sandbox" / "receipts.jsonl").read_text()) >= {CODE, MAIL, NUMBER, DEVICE}
