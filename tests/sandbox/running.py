"""A sandbox that runs while a test looks at it from outside."""

from __future__ import annotations

import asyncio
import smtplib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import uvloop

from services.sandbox.config import SandboxSettings
from services.sandbox.server import Sandbox, build
from shared.config import StartError
from shared.observe.tracing import OFF, Tracer

NOTIFICATION_ID = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"


class RunningSandbox:
    """A real sandbox on free ports of the loopback, in a thread of its own, and a client of its API."""

    def __init__(self, settings: SandboxSettings, tracer: Tracer = OFF) -> None:
        self.settings = settings
        self.sandbox: Sandbox = build(settings, tracer)
        self._up: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._serve()), daemon=True)
        self._thread.start()
        self._up.result(timeout=10)
        self.url = f"http://127.0.0.1:{self.sandbox.ports['http']}"
        self.api = httpx.Client(base_url=self.url, timeout=10, trust_env=False)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()
        try:
            await self.sandbox.start()
        except (OSError, StartError) as error:
            self._up.set_exception(error)
            return
        self._up.set_result(None)
        await self._told.wait()
        await self.sandbox.stop()

    def stop(self) -> None:
        if self._thread.is_alive():
            self.api.close()
            self._loop.call_soon_threadsafe(self._told.set)
            self._thread.join(timeout=10)
            assert not self._thread.is_alive(), "the sandbox did not stop"

    def receipts(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.api.get("/api/receipts", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["receipts"]

    def fault(
        self, provider: str, action: str, value: Any = None, *, match: str = "", times: int | None = None
    ) -> None:
        rule = {"provider": provider, "match": match, "action": action, "value": value, "times": times}
        answer = self.api.put("/api/faults", json=[rule])
        assert answer.status_code == 200, answer.text

    def smtp(self, timeout: float = 5) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.sandbox.ports["smtp"], timeout=timeout)

    @property
    def log_file(self) -> Path:
        return Path(self.settings.home) / "data" / "sandbox" / "receipts.jsonl"


Start = Callable[..., RunningSandbox]


def email(to: str = "ada@example.org", subject: str = "Hello", body: str = "One\nTwo", html: str = "") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Pulse <no-reply@pulse.example>"
    message["To"] = to
    message["Subject"] = subject
    message["X-Pulse-Notification-Id"] = NOTIFICATION_ID
    message.set_content(body)
    if html:
        message.add_alternative(html, subtype="html")
    return message
