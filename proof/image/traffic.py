"""Notifications sent over REST, one after the other in several threads, until told to stop."""

from __future__ import annotations

import itertools
import threading
import time

import httpx

THREADS = 4

#: Pause of a thread between two requests, s: about 60 requests a second in all.
PAUSE_S = 0.06

#: Longest wait for an answer, s: longer than a gateway's drain, so that a request that is held up is seen as such.
ANSWER_S = 20.0


def body(name: str) -> dict[str, object]:
    """A request to greet somebody; each name is a user of its own, so that no limit is reached."""
    return {
        "user_id": name,
        "template_name": "welcome_email",
        "to": f"{name}@example.com",
        "context": {"name": name},
    }


class Traffic:
    """A load; every request must be answered with success."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._numbers = itertools.count()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(THREADS)]
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self.accepted = 0
        self.failures: list[str] = []
        self.slowest_s = 0.0

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def at(self, moment: float) -> str:
        """A reading of the monotonic clock as time since the load was made."""
        return f"{moment - self._began:.2f} s"

    def go_on(self, seconds: float) -> None:
        """Returns after so long."""
        self._over.wait(seconds)

    def _send(self) -> None:
        with httpx.Client(base_url=self._address, timeout=ANSWER_S) as client:
            while not self._over.wait(PAUSE_S):
                self._send_one(client, f"load{next(self._numbers)}")

    def _send_one(self, client: httpx.Client, name: str) -> None:
        began = time.monotonic()
        try:
            answer = client.post("/v1/notifications", json=body(name))
            failure = "" if answer.status_code == httpx.codes.OK else f"{answer.status_code} {answer.text[:200]}"
        except httpx.HTTPError as error:
            failure = f"{type(error).__name__}: {error}"
        with self._lock:
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            if failure:
                self.failures.append(f"{self.at(began)} to {self.at(time.monotonic())}: {failure}")
            else:
                self.accepted += 1
