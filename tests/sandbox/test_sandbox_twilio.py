"""Twilio as its own SDK sees it."""

from __future__ import annotations

import base64
import queue
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.sandbox.running import NOTIFICATION_ID, RunningSandbox, Start
from tests.support.http_servers import QuietHandler, serving

SID, TOKEN = "AC" + "0" * 32, "a-token"
TO, FROM = "+15551234567", "+15557654321"


def twilio(sandbox: RunningSandbox, token: str = TOKEN, timeout: float = 5) -> Client:
    client = Client(SID, token, http_client=TwilioHttpClient(timeout=timeout, max_retries=0))
    client.api.base_url = sandbox.url
    return client


def test_an_sms_is_queued_and_kept(sandbox: RunningSandbox) -> None:
    callback = f"http://127.0.0.1:9/callback?notification_id={NOTIFICATION_ID}"
    message = twilio(sandbox).messages.create(
        to=TO, from_=FROM, body="Your code is 1 + 1 = 2 ✓", status_callback=callback
    )
    assert message.sid is not None and message.sid.startswith("SM") and len(message.sid) == 34
    assert (message.status, message.to, message.num_segments) == ("queued", TO, "1")
    assert message.date_created is not None
    (receipt,) = sandbox.receipts(channel="SMS")
    assert (receipt["provider"], receipt["to"], receipt["body"]) == ("twilio", TO, "Your code is 1 + 1 = 2 ✓")
    assert (receipt["provider_id"], receipt["notification_id"]) == (message.sid, NOTIFICATION_ID)


def test_a_message_has_its_price_when_it_is_asked_for_later(sandbox: RunningSandbox) -> None:
    client = twilio(sandbox)
    made = client.messages.create(to=TO, from_=FROM, body="x" * 161)
    assert made.sid is not None and made.price is None
    later = client.messages(made.sid).fetch()
    assert (later.price, later.price_unit, later.status) == ("-0.01580", "USD", "delivered")
    with pytest.raises(TwilioRestException) as caught:
        client.messages("SM" + "0" * 32).fetch()
    assert (caught.value.status, caught.value.code) == (404, 20404)


def test_the_notification_id_may_come_as_a_parameter_of_its_own(sandbox: RunningSandbox) -> None:
    form = {"To": TO, "From": FROM, "Body": "x", "PulseNotificationId": NOTIFICATION_ID}
    answer = requests.post(f"{sandbox.url}/2010-04-01/Accounts/{SID}/Messages.json", form, auth=(SID, TOKEN), timeout=5)
    assert answer.status_code == 201
    assert sandbox.receipts()[0]["notification_id"] == NOTIFICATION_ID


@pytest.mark.parametrize(
    ("given", "code", "status"),
    [
        ({"to": "12345"}, 21211, 400),
        ({"to": "+15005550001"}, 21211, 400),
        ({"to": "+15005550004"}, 21610, 400),
        ({"to": "+15005550009"}, 21614, 400),
        ({"from_": "not a sender!"}, 21212, 400),
        ({"from_": "+15005550008"}, 21611, 429),
        ({"body": ""}, 21602, 400),
        ({"body": "x" * 1601}, 21617, 400),
        ({"body": "\U0001f600" * 801}, 21617, 400),
        ({"from_": ""}, 21603, 400),
        ({"from_": "", "messaging_service_sid": "MG1"}, 21701, 400),
        ({"status_callback": "ftp://example.org"}, 21609, 400),
        ({"to": f"whatsapp:{TO}"}, 21910, 400),
        ({"from_": f"whatsapp:{FROM}"}, 21910, 400),
        ({"to": "whatsapp:12345", "from_": f"whatsapp:{FROM}"}, 21211, 400),
        ({"content_sid": "HX1"}, 21655, 400),
        ({"content_variables": "no JSON"}, 21656, 400),
        ({"content_variables": '{"1": 2}'}, 21656, 400),
    ],
)
def test_a_mistake_has_twilios_code(shared: RunningSandbox, given: dict[str, Any], code: int, status: int) -> None:
    with pytest.raises(TwilioRestException) as refused:
        twilio(shared).messages.create(**{"to": TO, "from_": FROM, "body": "x", **given})
    assert (refused.value.code, refused.value.status) == (code, status)
    assert shared.receipts() == []


def test_only_the_configured_token_is_accepted(start: Start) -> None:
    sandbox = start(sandbox_twilio_auth_token=TOKEN)
    with pytest.raises(TwilioRestException) as refused:
        twilio(sandbox, "another").messages.create(to=TO, from_=FROM, body="x")
    assert (refused.value.code, refused.value.status) == (20003, 401)
    assert twilio(sandbox).messages.create(to=TO, from_=FROM, body="x").sid


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Bearer abc", "Basic " + "QUM6"])
def test_a_request_without_credentials_is_refused(shared: RunningSandbox, header: str) -> None:
    url = f"{shared.url}/2010-04-01/Accounts/{SID}/Messages.json"
    answer = requests.post(url, {"To": TO}, headers={"Authorization": header}, timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (401, 20003)


@pytest.mark.parametrize(("body", "count"), [("x" * 160, "1"), ("€" * 153, "3"), ("😀" * 67, "3")])
def test_segments_are_counted_by_alphabet(shared: RunningSandbox, body: str, count: str) -> None:
    assert twilio(shared).messages.create(to=TO, from_=FROM, body=body).num_segments == count


# Faults


@pytest.mark.parametrize(("value", "status", "code"), [(503, 503, 20503), (418, 418, 20001), (21610, 400, 21610)])
def test_a_status_is_answered_in_twilios_words(sandbox: RunningSandbox, value: int, status: int, code: int) -> None:
    sandbox.fault("twilio", "status", value, times=1)
    with pytest.raises(TwilioRestException) as refused:
        twilio(sandbox).messages.create(to=TO, from_=FROM, body="x")
    assert (refused.value.status, refused.value.code) == (status, code)
    assert sandbox.receipts() == []
    assert twilio(sandbox).messages.create(to=TO, from_=FROM, body="x").sid


def test_retry_after_is_a_429_with_the_header(sandbox: RunningSandbox) -> None:
    sandbox.fault("twilio", "retry_after_s", 3)
    url = f"{sandbox.url}/2010-04-01/Accounts/{SID}/Messages.json"
    answer = requests.post(url, {"To": TO, "From": FROM, "Body": "x"}, auth=(SID, TOKEN), timeout=5)
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()["code"]) == (429, "3", 20429)


def test_a_status_after_accept_leaves_a_receipt(sandbox: RunningSandbox) -> None:
    sandbox.fault("twilio", "status_after_accept", 500)
    with pytest.raises(TwilioRestException):
        twilio(sandbox).messages.create(to=TO, from_=FROM, body="x")
    assert len(sandbox.receipts()) == 1


@pytest.mark.parametrize(
    ("action", "error"),
    [("reset", requests.ConnectionError), ("garbage", requests.ConnectionError), ("hang", requests.ReadTimeout)],
)
def test_a_broken_answer_leaves_no_receipt(sandbox: RunningSandbox, action: str, error: type[Exception]) -> None:
    sandbox.fault("twilio", action, 30 if action == "hang" else None)
    with pytest.raises(error):
        twilio(sandbox, timeout=0.5).messages.create(to=TO, from_=FROM, body="x")
    assert sandbox.receipts() == []


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("", b"HTTP/1.1 200 OK......"),
        ("status", b"HTTP/1.1 200 OK......"),
        ("header", b"HTTP/1.1 200 OK\r\nX-Drip: ....."),
        ("body", b"Content-Length: 1000000\r\n\r\n{     "),
    ],
)
def test_an_answer_can_drip_from_any_part_on_and_never_ends(sandbox: RunningSandbox, at: str, said: bytes) -> None:
    sandbox.api.put("/api/faults", json=[{"provider": "twilio", "action": "drip", "value": 0.001, "at": at}])
    form = urlencode({"To": TO, "From": FROM, "Body": "x"}).encode()
    login = base64.b64encode(f"{SID}:{TOKEN}".encode())
    with socket.create_connection(("127.0.0.1", sandbox.sandbox.ports["http"]), timeout=5) as client:
        client.sendall(
            b"POST /2010-04-01/Accounts/%s/Messages.json HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %s\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (SID.encode(), login, len(form), form)
        )
        heard = b""
        while said not in heard:
            heard += client.recv(1)
    assert sandbox.receipts() == []


def test_a_call_that_hangs_is_cut_off_when_the_sandbox_stops(sandbox: RunningSandbox) -> None:
    sandbox.fault("twilio", "hang", 60)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(twilio(sandbox, timeout=20).messages.create, to=TO, from_=FROM, body="x")
        while not sandbox.api.get("/api/faults").json()[0]["used"]:
            assert not call.done()
        sandbox.stop()
        with pytest.raises(requests.ConnectionError):
            call.result(timeout=5)


@pytest.mark.parametrize("effect", ["reset", "garbage"])
def test_a_broken_answer_after_accept_leaves_a_receipt(sandbox: RunningSandbox, effect: str) -> None:
    sandbox.fault("twilio", "status_after_accept", effect, times=1)
    with pytest.raises(requests.ConnectionError):
        twilio(sandbox).messages.create(to=TO, from_=FROM, body="x")
    assert len(sandbox.receipts()) == 1


def test_a_client_that_left_during_the_delay_leaves_no_receipt(sandbox: RunningSandbox) -> None:
    sandbox.fault("twilio", "delay_ms", 300, times=1)
    with pytest.raises(requests.ReadTimeout):
        twilio(sandbox, timeout=0.1).messages.create(to="+15550000001", from_=FROM, body="x")
    sandbox.fault("twilio", "delay_ms", 400, times=1)
    twilio(sandbox).messages.create(to=TO, from_=FROM, body="x")
    assert [receipt["to"] for receipt in sandbox.receipts()] == [TO]


# Callbacks


class Taken:
    """A web server that takes callbacks."""

    def __init__(self) -> None:
        taken: queue.Queue[tuple[str, dict[str, str], str]] = queue.Queue()

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                body = self.body().decode()
                taken.put((self.path, dict(parse_qsl(body)), self.headers["X-Twilio-Signature"]))
                self.send_response(204)
                self.end_headers()

        self.calls = taken
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def taker() -> Iterator[Taken]:
    taken = Taken()
    with serving(taken.server):
        yield taken


@pytest.mark.parametrize(
    ("to", "ends", "error"),
    [(TO, "delivered", None), ("+15551130003", "undelivered", "30003")],
)
def test_status_callbacks_are_signed_and_in_order(
    start: Start, taker: Taken, to: str, ends: str, error: str | None
) -> None:
    sandbox = start(sandbox_callbacks="on", sandbox_callback_delay_ms=1)
    url = f"{taker.url}/receipts/twilio?notification_id={NOTIFICATION_ID}"
    sent = twilio(sandbox).messages.create(to=to, from_=FROM, body="x", status_callback=url)
    calls = [taker.calls.get(timeout=5) for _ in range(2)]
    assert [form["MessageStatus"] for _, form, _ in calls] == ["sent", ends]
    assert calls[1][1].get("ErrorCode") == error
    for path, form, signature in calls:
        assert form["MessageSid"] == sent.sid
        assert RequestValidator(TOKEN).validate(taker.url + path, form, signature)


def test_no_callback_is_sent_unless_asked_for(sandbox: RunningSandbox, taker: Taken) -> None:
    twilio(sandbox).messages.create(to=TO, from_=FROM, body="x", status_callback=taker.url)
    sandbox.stop()
    assert taker.calls.empty()
