"""Without keys, only pages of this machine's own make use of a local run: by REST, the console and the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.e2e.suite import Suite, running

#: What a browser says when some page somewhere has it send a request: the header Host, and Origin.
FOREIGN_PAGES = {
    "another site's page": (None, "https://evil.example"),
    "a page without a name": (None, "null"),
    "another port of this machine": (None, "http://localhost:1"),
    "a page whose name leads here": ("evil.example:{port}", "http://evil.example:{port}"),
    "such a page that says nothing more": ("evil.example:{port}", None),
    "a name that only begins like ours": ("localhost.evil.example", None),
    "two at once": (None, "http://localhost:{port}, https://evil.example"),
}
OWN_PAGES = {
    "no page at all": (None, None),
    "the documentation's": ("localhost:{port}", "http://localhost:{port}"),
    "by address": ("127.0.0.1:{port}", "http://127.0.0.1:{port}"),
    "by IPv6": ("[::1]:{port}", "http://[::1]:{port}"),
    "in capitals": ("LOCALHOST:{port}", "http://localhost:{port}"),
}
#: 127.0.0.1 as the kernel lists it, also as an IPv6 socket has it.
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}
SEND = b'{"user_id": "u", "template_name": "welcome_email", "to": "a@example.com", "context": {"name": "A"}}'
#: What a page may have done: method, path and body, without Content-Type, as a page can send without asking.
WANTED = {
    "send": ("POST", "/v1/notifications", SEND),
    "read": ("GET", "/v1/notifications", b""),
    "pause": ("POST", "/v1/operations/delivery:pause", b"{}"),
    "make a key": ("POST", "/v1/keys", b'{"name": "eve", "scopes": ["administer"]}'),
    "original's": ("POST", "/api/notifications/send/", SEND),
    "console": ("GET", "/console", b""),
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    with running(tmp_path_factory.mktemp("pages")) as suite:
        yield suite


def ask(client: httpx.Client, method: str, path: str, body: bytes, page: tuple[str | None, str | None]):
    port = client.base_url.port
    headers = {
        name: value.format(port=port) for name, value in zip(("host", "origin"), page, strict=True) if value is not None
    }
    return client.request(method, path, content=body or None, headers=headers)


@pytest.mark.parametrize("page", FOREIGN_PAGES.values(), ids=FOREIGN_PAGES)
@pytest.mark.parametrize("wanted", WANTED.values(), ids=WANTED)
def test_a_page_of_somebody_else_gets_nothing(suite: Suite, wanted, page):
    answer = ask(suite.rest, *wanted, page)
    assert answer.status_code == 403, answer.text
    assert "_NOT_ALLOWED" in answer.text
    assert "PULSE_AUTH=required" in answer.text or wanted == WANTED["original's"], "how to change it is told"


@pytest.mark.parametrize("page", OWN_PAGES.values(), ids=OWN_PAGES)
def test_pages_of_this_machine_are_served(suite: Suite, page):
    for method, path, body in (WANTED["send"], WANTED["read"], WANTED["console"]):
        answer = ask(suite.rest, method, path, body, page)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("page", FOREIGN_PAGES.values(), ids=FOREIGN_PAGES)
def test_the_sandbox_tells_and_takes_nothing(suite: Suite, page):
    for method, path, body in (
        ("GET", "/api/receipts", b""),
        ("DELETE", "/api/receipts", b""),
        ("PUT", "/api/faults", b"[]"),
    ):
        assert ask(suite.sandbox, method, path, body, page).status_code == 403


def test_its_files_are_for_its_user_alone(suite: Suite):
    secrets = list((suite.home / "data").glob("*.secret"))
    assert {file.stem for file in secrets} >= {"postgres", "valkey", "unsubscribe"}
    for file in [*secrets, suite.home / "data" / "valkey.conf"]:
        assert file.stat().st_mode & 0o077 == 0, file
    assert suite.home.joinpath("data").stat().st_mode & 0o077 == 0


def test_no_password_stands_on_a_command_line(suite: Suite):
    """Every user of the machine can read those."""
    passwords = [suite.secret("postgres"), suite.secret("valkey")]
    for role in suite.roles().values():
        line = Path(f"/proc/{role['pid']}/cmdline").read_bytes().decode()
        assert not any(password in line for password in passwords), role["role"]


def test_its_servers_listen_on_this_machine_alone(suite: Suite):
    """Also the ports of metrics and of Envoy's administration."""
    pids = {role["pid"] for role in suite.roles().values()}
    inodes = {link for pid in pids for link in _sockets(pid)}
    listening = [
        line.split()[1].partition(":")[0]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[9] in inodes
    ]
    assert listening
    assert set(listening) <= LOOPBACK, listening


def _sockets(pid: int) -> Iterator[str]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = descriptor.readlink().name
        except OSError:
            continue
        if target.startswith("socket:["):
            yield target[8:-1]


def test_a_page_cannot_end_envoy_by_its_administration(suite: Suite):
    text = (suite.home / "data" / "envoy" / "envoy.yaml").read_text()
    port = yaml.safe_load(text)["admin"]["address"]["socket_address"]["port_value"]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as admin:
        assert admin.get("/ready").status_code == 200
        for path in ("/quitquitquit", "/drain_listeners", "/healthcheck/fail", "/logging?level=trace", "/config_dump"):
            assert admin.post(path).status_code == 403, path
        assert admin.get("/ready").status_code == 200
