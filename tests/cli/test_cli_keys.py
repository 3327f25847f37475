"""``pulse keys`` and ``pulse certs``, against a gateway that is really served."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import Result

from pulse.common.v1.key_pb2 import ApiKey
from pulse.gateway.v1 import key_service_pb2 as api
from pulse.gateway.v1.key_service_pb2_grpc import KeyServiceServicer, add_KeyServiceServicer_to_server
from services.local import certificates

SECRET = "pulse_00_secret"
Pulse = Callable[..., Result]


class Keys(KeyServiceServicer):
    """Remembers what it was asked, and with which credential."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.credentials: list[str] = []
        self.address = ""
        self.end = ""

    def _seen(self, request: Any, context: Any) -> None:
        self.requests.append(request)
        self.credentials.append(dict(context.invocation_metadata()).get("authorization", ""))

    def CreateKey(self, request: Any, context: Any) -> api.CreateKeyResponse:
        self._seen(request, context)
        return api.CreateKeyResponse(key=self._made(request.key.name, request.key.scopes), secret=SECRET)

    def ListKeys(self, request: Any, context: Any) -> api.ListKeysResponse:
        self._seen(request, context)
        return api.ListKeysResponse(keys=[self._made("checkout", ["send", "read"])])

    def RotateKey(self, request: Any, context: Any) -> api.RotateKeyResponse:
        self._seen(request, context)
        return api.RotateKeyResponse(key=self._made("checkout", ["send"]), secret=SECRET)

    def RevokeKey(self, request: Any, context: Any) -> ApiKey:
        self._seen(request, context)
        context.abort(grpc.StatusCode.NOT_FOUND, "there is no such key")
        raise AssertionError

    def _made(self, name: str, scopes: Any) -> ApiKey:
        key = ApiKey(key_id="pulse_00", name=name, scopes=scopes)
        key.create_time.FromJsonString("2026-11-23T12:00:00Z")
        if self.end:
            key.expire_time.FromJsonString(self.end)
        return key


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keys]:
    servicer = Keys()
    server = grpc.server(ThreadPoolExecutor(2))
    add_KeyServiceServicer_to_server(servicer, server)
    servicer.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    monkeypatch.setenv("PULSE_API_KEY", "root")
    yield servicer
    server.stop(None)


@pytest.fixture
def run(pulse: Pulse, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Pulse:
    """Runs ``pulse keys``."""
    monkeypatch.setenv("PULSE_GATEWAY_ADDRESS", keys.address)
    return lambda *arguments: pulse("keys", *arguments)


def test_a_new_key_is_all_that_goes_to_standard_output(run: Pulse, keys: Keys) -> None:
    made = run("create", "checkout", "--scope", "send", "--scope", "read", "--tenant", "acme")
    assert (made.exit_code, made.stdout) == (0, f"{SECRET}\n")
    assert "cannot be told again" in made.stderr
    (request,) = keys.requests
    assert (request.key.name, list(request.key.scopes), request.key.tenant_id) == ("checkout", ["send", "read"], "acme")
    assert not request.key.HasField("expire_time")
    assert keys.credentials == ["Bearer root"]


def test_a_key_may_be_given_an_end(run: Pulse, keys: Keys) -> None:
    assert run("create", "checkout", "--scope", "send", "--expires", "90d", "--json").exit_code == 0
    assert keys.requests[0].key.HasField("expire_time")


@pytest.mark.parametrize("length", ["2921940d", "99999999d", "99999999999h"])
def test_an_end_outside_the_calendar_is_a_usage_error(run: Pulse, keys: Keys, length: str) -> None:
    ran = run("create", "checkout", "--scope", "send", "--expires", length)
    assert (ran.exit_code, "too long" in ran.stderr, keys.requests) == (2, True, [])


@pytest.fixture
def time_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the time zone of this process for one test."""

    def use(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield use
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("2026-11-23T23:00:00Z", "2026-11-24 08:00:00"),
        ("9999-12-31T14:59:59Z", "9999-12-31 23:59:59"),
        ("9999-12-31T15:00:00Z", "9999-12-31 15:00:00"),
        ("9999-12-31T23:59:59Z", "9999-12-31 23:59:59"),
    ],
)
def test_ends_are_shown_in_local_time_and_the_calendars_last_hours_in_utc(
    run: Pulse, keys: Keys, time_zone: Callable[[str], None], moment: str, shown: str
) -> None:
    time_zone("Asia/Tokyo")
    keys.end = moment
    listed = run("list")
    assert (listed.exit_code, shown in listed.stdout) == (0, True), listed.output


def test_keys_are_listed_without_secrets(run: Pulse) -> None:
    listed = run("list", "--json")
    assert json.loads(listed.stdout) == [
        {
            "key_id": "pulse_00",
            "name": "checkout",
            "scopes": ["send", "read"],
            "tenant_id": "",
            "create_time": "2026-11-23T12:00:00Z",
            "expire_time": None,
            "revoke_time": None,
        }
    ]
    assert "pulse_00" in run("list").stdout


def test_a_rotated_key_goes_on_for_as_long_as_is_said(run: Pulse, keys: Keys) -> None:
    assert run("rotate", "pulse_00", "--overlap", "1h").stdout == f"{SECRET}\n"
    assert (keys.requests[0].key_id, keys.requests[0].overlap.seconds) == ("pulse_00", 3600)
    assert run("rotate", "pulse_00").exit_code == 0
    assert not keys.requests[1].HasField("overlap")


def test_a_refusal_ends_the_command_with_a_sentence(run: Pulse) -> None:
    refused = run("revoke", "pulse_99")
    assert refused.exit_code == 1
    assert "there is no such key" in refused.stderr and "Traceback" not in refused.stderr


def test_certificates_are_made_once_and_renewed_when_asked(pulse: Pulse, tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    assert pulse("certs", folder).exit_code == 0
    before = Path(certificates.files(folder, "gateway").certificate).read_bytes()
    assert "nothing ends soon" in pulse("certs", folder).stderr
    assert pulse("certs", folder, "--renew").exit_code == 0
    assert Path(certificates.files(folder, "gateway").certificate).read_bytes() != before
