"""Chat from a registered destination to what each service is sent, by REST and by gRPC."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest

from proof.waiting import wait_until
from pulse_client import Client
from tests.e2e.notifications import make_template, new, post, send, settled, told
from tests.e2e.suite import Suite

SECRET = "TIiajkdnlazkcOXrIdevi7FQ"
URLS = {
    "slack": (f"slack://T1JJ3T3L2/B1BRTD4JD/{SECRET}", "T1JJ3T3L2/B1BRTD4JD"),
    "discord": ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "4174216298"),
    "telegram": ("tgram://123456789:abcdefg_hijklmnop/12315544", "12315544"),
    "ntfy": ("ntfys://ntfy.example.org/alerts", "alerts"),
    "gotify": ("gotifys://gotify.example.org/tokenabc", "gotify"),
    "mattermost": ("mmosts://mm.example.org/3ccdd113474722377935511fc85d3dd4", "3ccdd113474722377935511fc85d3dd4"),
    "teams": (
        "https://prod-01.westeurope.logic.azure.com:443/workflows/643a8b0a0a/triggers/manual/paths/invoke"
        "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=SIGNATURE",
        "643a8b0a0a",
    ),
    "matrix": ("matrixs://syt_token@matrix.example.org/!room:example.org", "!room:example.org"),
}
TEXT = "*Ann* <!channel> @everyone: 3 < 4 & see https://a.example/x_y_z"


def register(suite: Suite, url: str) -> str:
    name = new("room")
    answer = suite.rest.post("/v1/destinations", json={"name": name, "url": url})
    assert answer.status_code == 200, answer.text
    assert SECRET not in answer.text
    return name


def chat_template(suite: Suite) -> str:
    return make_template(suite, channel="chat", contents=[{"subject": "Alert *1*", "body": "{{ text }}"}])


@pytest.mark.parametrize("kind", URLS)
def test_people_in_the_room_see_what_was_written(suite: Suite, kind: str) -> None:
    url, shown_to = URLS[kind]
    to = register(suite, url)
    notification_id = send(suite, chat_template(suite), channel="chat", to=to, context={"text": TEXT})
    receipt = suite.until_arrived(notification_id)
    assert (receipt["channel"], receipt["provider"], receipt["data"]) == ("chat", "apprise", {"service": kind})
    assert receipt["to"] == shown_to
    seen = f"{receipt['subject']}\n{receipt['body']}".strip().replace("\u200b", "")
    assert seen == f"Alert *1*\n{TEXT}"
    notification = told(suite, notification_id)
    assert (notification["channel"], notification["to"], notification["status"]) == ("CHAT", to, "SENT")


def test_an_address_is_kept_nowhere_in_the_clear(suite: Suite) -> None:
    to = register(suite, URLS["slack"][0])
    notification_id = send(suite, chat_template(suite), channel="chat", to=to, context={"text": "x"})
    suite.until_arrived(notification_id)
    assert SECRET not in str(told(suite, notification_id))
    with psycopg.connect(suite.database_url()) as connection:
        rows = connection.execute("SELECT sealed FROM destinations WHERE name = %s", [to]).fetchall()
        assert len(rows) == 1
        assert SECRET.encode() not in rows[0][0]
    for log in (suite.home / "log").glob("*.log"):
        assert SECRET not in log.read_text("utf-8", "replace"), log.name


def test_one_that_is_led_elsewhere_goes_there_within_seconds(suite: Suite) -> None:
    to, template = register(suite, "ntfys://ntfy.example.org/first"), chat_template(suite)
    suite.until_arrived(send(suite, template, channel="chat", to=to, context={"text": "x"}))
    changed = suite.rest.put(f"/v1/destinations/{to}", json={"url": "ntfys://ntfy.example.org/second"})
    assert changed.status_code == 200

    def room() -> str:
        return str(suite.until_arrived(send(suite, template, channel="chat", to=to, context={"text": "x"}))["to"])

    wait_until(lambda: room() == "second", timeout=20)


def test_what_waits_for_one_that_is_taken_away_fails_and_can_be_replayed(suite: Suite) -> None:
    to, template = register(suite, URLS["ntfy"][0]), chat_template(suite)
    later = send(suite, template, channel="chat", to=to, context={"text": "x"}, send_at=_soon(suite))
    assert suite.rest.delete(f"/v1/destinations/{to}").status_code == 200
    wait_until(lambda: told(suite, later)["status"] != "SCHEDULED", timeout=30)
    notification = settled(suite, later)
    assert (notification["status"], notification["failure"]["code"]) == ("FAILED", "DESTINATION_UNKNOWN")
    answer = post(suite, template, channel="chat", to=to, context={"text": "x"})
    assert (answer.status_code, answer.json()["details"][0]["reason"]) == (404, "DESTINATION_UNKNOWN")


def _soon(suite: Suite) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)).isoformat()


def test_the_client_registers_and_sends_by_grpc(suite: Suite) -> None:
    with Client(suite.grpc_address) as client:
        name = new("room")
        made = client.create_destination(name, URLS["slack"][0])
        assert (made.name, made.kind, made.host) == (name, "slack", "hooks.slack.com")
        assert SECRET not in repr(made)
        sent = client.send(
            user_id="u-1", template=chat_template(suite), channel="CHAT", to=name, context={"text": "Hi"}
        )
        assert suite.until_arrived(sent.notification_id)["body"] == "Hi"
        assert client.update_destination(name, URLS["discord"][0]).kind == "discord"
        assert name in [one.name for one in client.list_destinations()]
        assert client.get_destination(name).host == "discord.com"
        client.delete_destination(name)
        assert name not in [one.name for one in client.list_destinations()]
