"""The restore drill of docs/operations.md: what was acknowledged before a backup is there, and goes on, after it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from proof.planning import make_plan
from proof.waiting import wait_until
from services.local.plan import Plan
from services.local.wheels import postgres_program
from tests.e2e.suite import ARRIVED, Suite, running
from tests.support import servers

_SENT = 20
_WAITING = 10


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Suite, dict[str, str], dict[str, str]]]:
    """A suite on a restored database; by idempotency key what had been sent and what had not when it was backed up."""
    folder = tmp_path_factory.mktemp("drill")
    with running(folder / "before") as before:
        sent = {f"sent-{number}": _send(before, f"sent-{number}") for number in range(_SENT)}
        wait_until(lambda: all(before.status(id_)["status"] in ARRIVED for id_ in sent.values()))
        _refuse_mail(before.sandbox)
        waiting = {f"waiting-{number}": _send(before, f"waiting-{number}") for number in range(_WAITING)}
        wait_until(lambda: all(before.status(id_)["status"] == "retrying" for id_ in waiting.values()))
        _dump(before.database_url(), folder)
    _restore(make_plan(folder / "after"), folder)
    with running(folder / "after") as after:
        yield after, sent, waiting


def test_what_had_been_sent_is_known_and_not_sent_again(
    drill: tuple[Suite, dict[str, str], dict[str, str]],
) -> None:
    after, sent, _ = drill
    assert {after.status(id_)["status"] for id_ in sent.values()} <= ARRIVED
    assert [after.receipts(id_) for id_ in sent.values()] == [[]] * _SENT


def test_what_waited_arrives_once(drill: tuple[Suite, dict[str, str], dict[str, str]]) -> None:
    after, _, waiting = drill
    for id_ in waiting.values():
        after.until_arrived(id_)


def test_a_key_from_before_the_backup_still_names_its_first_notification(
    drill: tuple[Suite, dict[str, str], dict[str, str]],
) -> None:
    after, sent, waiting = drill
    for key, id_ in {**sent, **waiting}.items():
        answer = after.send(**_request(key))
        assert (answer.status_code, answer.json()["notification_id"]) == (200, id_)


def test_new_notifications_are_accepted(drill: tuple[Suite, dict[str, str], dict[str, str]]) -> None:
    after, *_ = drill
    answer = after.send()
    assert answer.status_code == 202
    after.until_arrived(answer.json()["notification_id"])


def _request(key: str) -> dict[str, str]:
    return {"idempotency_key": key, "user_id": key, "to": f"{key}@example.com"}


def _send(suite: Suite, key: str) -> str:
    answer = suite.send(**_request(key))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["notification_id"])


def _refuse_mail(sandbox: httpx.Client) -> None:
    fault = {"provider": "smtp", "action": "status", "value": 451, "times": 1_000_000}
    assert sandbox.put("/api/faults", json=[fault]).is_success


def _dump(url: str, folder: Path) -> None:
    _run("pg_dumpall", url, "--roles-only", "--no-role-passwords", f"--file={folder / 'roles.sql'}")
    _run("pg_dump", url, "--format=custom", f"--file={folder / 'pulse.dump'}")


def _restore(plan: Plan, folder: Path) -> None:
    with servers.postgres_server(plan) as url:
        # The role that makes the cluster is there already: that one line is refused, and the others count.
        _run("psql", url, "--quiet", f"--file={folder / 'roles.sql'}")
        _run("pg_restore", url, "--exit-on-error", str(folder / "pulse.dump"))


def _run(program: str, url: str, *arguments: str) -> None:
    """Runs one of PostgreSQL's programs against a database."""
    subprocess.run(
        [str(postgres_program(program)), f"--dbname={url}", *arguments], check=True, capture_output=True, timeout=60
    )
