"""The whole suite as `make up` runs it, as a caller sees it."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from proof import local_run
from proof.local_run import LocalRun
from proof.waiting import wait_until

#: Statuses of the original's words and ours that mean: a provider has it.
ARRIVED = {"sent", "SENT", "DELIVERED"}


@dataclass(frozen=True)
class Suite:
    """A running suite: its REST and sandbox addresses, its gRPC address, its home."""

    rest: httpx.Client
    sandbox: httpx.Client
    grpc_address: str
    home: Path
    pid: int

    def send(self, **fields: Any) -> httpx.Response:
        """The original's send, of an email to a new user unless said otherwise."""
        body = {
            "template_name": "welcome_email",
            "user_id": f"user_{uuid.uuid4().hex[:8]}",
            "to": f"{uuid.uuid4().hex[:12]}@example.com",
            "context": {"name": "Ann"},
            "channel": "email",
        }
        return self.rest.post("/api/notifications/send/", json={**body, **fields})

    def status(self, notification_id: str) -> dict[str, Any]:
        """The original's view of it."""
        answer = self.rest.get(f"/api/notifications/status/{notification_id}/")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def receipts(self, notification_id: str) -> list[dict[str, Any]]:
        """What the providers took over for it."""
        log = self.home / "data" / "sandbox" / "receipts.jsonl"
        # What follows the last line end is still being written.
        lines = log.read_text().split("\n")[:-1] if log.exists() else []
        return [receipt for receipt in map(json.loads, lines) if receipt["notification_id"] == notification_id]

    def until_arrived(self, notification_id: str) -> dict[str, Any]:
        """Waits until a provider has it; gives its one receipt."""
        wait_until(lambda: self.status(notification_id)["status"] in ARRIVED)
        receipts = self.receipts(notification_id)
        assert len(receipts) == 1, receipts
        return receipts[0]

    def secret(self, name: str) -> str:
        """A password of this run's own servers."""
        return (self.home / "data" / f"{name}.secret").read_text()

    def database_url(self) -> str:
        """Its database, as its owner."""
        return f"postgresql://pulse:{self.secret('postgres')}@{self.roles()['postgres']['address']}/pulse"

    def redis_url(self, number: int = 0) -> str:
        """A database of its Valkey."""
        return f"redis://:{self.secret('valkey')}@{self.roles()['valkey']['address']}/{number}"

    def roles(self) -> dict[str, dict[str, Any]]:
        """`pulse status --json`, by role."""
        return LocalRun(self.home, self.pid).roles()


@contextlib.contextmanager
def running(home: Path, **environment: str) -> Iterator[Suite]:
    """Runs `pulse up` in ``home`` until the block ends; then nothing of it is left."""
    with local_run.running(home, **environment) as run:
        yield attach(run)


def attach(run: LocalRun) -> Suite:
    """A caller's view of the suite that runs."""
    roles = run.roles()
    return Suite(
        rest=httpx.Client(base_url=f"http://{roles['envoy']['address']}", timeout=20),
        sandbox=httpx.Client(base_url=f"http://{roles['sandbox']['address']}", timeout=20),
        grpc_address=roles["gateway"]["address"],
        home=run.home,
        pid=run.pid,
    )


def is_alive(pid: int) -> bool:
    """Whether a process of this machine runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
