"""The client as it is installed elsewhere: by its own wheel, without the suite."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2] / "clients" / "python"
#: What the wheel may need: grpcio (with its typing_extensions), protobuf and googleapis-common-protos.
NEEDED = ("grpc", "google", "typing_extensions.py")

IMPORT = """
import json, sys
sys.path[:] = json.loads(sys.argv[1]) + sys.path
import pulse_client
from pulse_client import calls
with pulse_client.Client("127.0.0.1:1") as client:
    list(calls.batches([pulse_client.Request(user_id="u", template="t", to="a@example.org")], 1))
from pulse_client.testing import FakeGateway
with FakeGateway() as gateway, pulse_client.Client(gateway.address) as client:
    client.send(user_id="u", template="t", to="a@example.org")
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(PROJECT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("pulse_client-*.whl")
    return built


def test_the_wheel_holds_the_client_and_the_public_contract_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert {name.partition("/")[0] for name in names} == {"pulse_client", "pulse", "buf"}
    assert {name.split("/")[1] for name in names if name.startswith("pulse/")} == {"common", "gateway", "py.typed"}
    assert "pulse_client/py.typed" in names


def test_the_wheel_works_with_its_three_dependencies_and_nothing_else(wheel: Path, tmp_path: Path) -> None:
    installed, needed = tmp_path / "installed", tmp_path / "needed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    needed.mkdir()
    for name in NEEDED:
        (needed / name).symlink_to(Path(sysconfig.get_path("purelib")) / name)
    paths = json.dumps([str(installed), str(needed)])
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", IMPORT, paths], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    loaded = set(json.loads(ran.stdout))
    assert {"pulse_client", "pulse", "buf", "grpc", "google"} <= loaded
    assert not loaded & {"services", "shared", "celery", "sqlalchemy", "psycopg", "redis", "pydantic", "typer", "rich"}
