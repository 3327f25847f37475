"""``pulse attachments`` and ``pulse send --attach``, against the gateway's own rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pulse.common.v1 import enums_pb2
from services.cli.app import build
from tests.cli.real_gateway import RealGateway
from tests.gateway import fakes

Pulse = Callable[..., Result]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
ANN = ("send", "welcome", "--user", "u1", "--to", "ann@example.org")


@pytest.fixture(scope="module")
def served() -> Iterator[RealGateway]:
    gateway = RealGateway()
    gateway.peers.store(
        fakes.template("welcome", enums_pb2.EMAIL, "Hello", subject="Welcome"),
        fakes.template("code", enums_pb2.SMS, "Code {{ code }}"),
    )
    yield gateway
    gateway.stop()


@pytest.fixture
def pulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: RealGateway) -> Pulse:
    """Runs ``pulse`` in an empty folder."""
    monkeypatch.setenv("PULSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PULSE_GATEWAY_ADDRESS", served.address)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(build(), [*map(str, arguments)])


def test_a_file_goes_up_is_told_of_and_comes_back(pulse: Pulse, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    uploaded = pulse("attachments", "upload", "a.pdf")
    assert uploaded.exit_code == 0, uploaded.stderr
    attachment_id = uploaded.stdout.strip()
    assert "application/pdf, 8 bytes, kept until" in uploaded.stderr
    assert "a.pdf" in pulse("attachments", "get", attachment_id).stdout
    assert json.loads(pulse("attachments", "get", attachment_id, "--json").stdout)["size"] == 8
    assert pulse("attachments", "download", attachment_id, "-o", "-").stdout_bytes == b"%PDF-1.7"
    there = pulse("attachments", "download", attachment_id)
    assert there.exit_code == 1 and "a.pdf: File exists" in there.stderr
    assert pulse("attachments", "download", attachment_id, "--output", "b.pdf").exit_code == 0
    assert (tmp_path / "b.pdf").read_bytes() == b"%PDF-1.7"


@pytest.mark.parametrize("name", [".bashrc", "..hidden"])
def test_a_name_that_somebody_else_gave_hides_nothing(pulse: Pulse, tmp_path: Path, name: str) -> None:
    (tmp_path / "x").write_bytes(name.encode())
    attachment_id = pulse("attachments", "upload", "x", "--name", name, "--type", "text/plain").stdout.strip()
    assert pulse("attachments", "download", attachment_id).exit_code == 0
    assert (tmp_path / name.lstrip(".")).read_text() == name and not (tmp_path / name).exists()


def test_a_send_takes_files_ids_and_pictures_along(pulse: Pulse, served: RealGateway, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "large.bin").write_bytes(bytes(2**20 + 1))
    (tmp_path / "logo.png").write_bytes(PNG)
    attachment_id = pulse("attachments", "upload", "a.txt").stdout.strip()
    sent = pulse(
        *(*ANN, "--attach", "a.txt", "--attach", "large.bin", "--attach", attachment_id, "--inline", "logo=logo.png"),
        *("--attach-link", "large.bin"),
    )
    assert sent.exit_code == 0, sent.stderr
    asked = served.peers.router.submissions[-1].asked.attachments
    assert [(one.filename, one.inline_id, one.as_link) for one in asked] == [
        ("a.txt", "", False),
        ("large.bin", "", False),
        ("a.txt", "", False),
        ("large.bin", "", True),
        ("logo.png", "logo", False),
    ]


def test_what_cannot_be_taken_along_is_told(pulse: Pulse, tmp_path: Path) -> None:
    (tmp_path / "a.exe").write_bytes(b"MZ")
    for arguments, status, told in (
        ((*ANN, "--attach", "none.pdf"), 2, "none.pdf: No such file"),
        ((*ANN, "--attach", "."), 2, "is no file"),
        ((*ANN, "--attach", "a.exe"), 1, "ATTACHMENT_TYPE_DENIED"),
        ((*ANN, "--attach", "att_" + "0" * 40), 1, "ATTACHMENT_NOT_FOUND"),
        ((*ANN, "--inline", "logo.png"), 2, "write NAME=TEXT"),
        (("attachments", "upload", "a.exe"), 1, "ATTACHMENT_TYPE_DENIED"),
        (("attachments", "get", "att_1"), 1, "ATTACHMENT_NOT_FOUND"),
    ):
        ran = pulse(*arguments)
        assert ran.exit_code == status and told in ran.stderr, (arguments, ran.stderr)


def test_a_send_tells_what_it_takes_as_sms(pulse: Pulse) -> None:
    code = ("send", "code", "--user", "u1", "--to", "+4915112345678", "--var")
    assert "SMS: 1 segment in GSM_7\n" in pulse(*code, "code=7").stderr
    assert "SMS: 2 segments in UCS_2, as the short alphabet lacks 'ł'" in pulse(*code, f"code={'ł' * 70}").stderr
    assert json.loads(pulse(*code, "code=7", "--json").stdout)["sms"] == {
        "segments": 1,
        "encoding": "GSM_7",
        "unicode_character": "",
    }
