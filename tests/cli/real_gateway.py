"""The gateway itself, before a ledger in memory, for commands that its own rules have to judge."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from pulse.common.v1.template_pb2 import Template
from services.gateway.config import GatewaySettings
from services.gateway.server import Gateway
from shared.clock import SystemClock
from shared.errors import Code, PulseError
from tests.gateway import fakes

#: It is as strict as in production, and lets everybody in.
OPEN = {"PULSE_AUTH": "off", "PULSE_CLEARTEXT": "allowed"}
LINKS = {"PULSE_UNSUBSCRIBE_KEY": "a-key-of-sixteen-characters", "PULSE_PUBLIC_URL": "https://pulse.example.com"}
AWAY = PulseError(Code.UNAVAILABLE, "LEDGER_UNAVAILABLE", "the ledger does not answer")


class BreakingAdmin(fakes.FakeAdmin):
    """Keeps templates, until the one comes that ``breaks_at`` names; ``keeps_it``: its answer alone is lost.

    ``deletes``: whether any is deleted. Before the one in ``changes_before`` is updated, somebody else has done so.
    """

    changes_before = ""

    breaks_at = ""
    keeps_it = False
    deletes = True

    async def CreateTemplate(self, request: Any, context: Any) -> Any:
        return await self._breaking(super().CreateTemplate, request, context)

    async def UpdateTemplate(self, request: Any, context: Any) -> Any:
        if request.template.name == self.changes_before:
            theirs = Template(name=request.template.name, channel=request.template.channel, category="theirs")
            self._keep(request.tenant_id, theirs, request.expected_version + 1)
        return await self._breaking(super().UpdateTemplate, request, context)

    async def CreateFragment(self, request: Any, context: Any) -> Any:
        if f"fragments/{request.fragment.name}" == self.breaks_at:
            raise AWAY
        return await super().CreateFragment(request, context)

    async def DeleteTemplate(self, request: Any, context: Any) -> Any:
        if not self.deletes:
            raise AWAY
        return await super().DeleteTemplate(request, context)

    async def _breaking(self, keep: Any, request: Any, context: Any) -> Any:
        breaks = request.template.name == self.breaks_at
        if breaks and not self.keeps_it:
            raise AWAY
        answer = await keep(request, context)
        if breaks:
            raise AWAY
        return answer


class RealGateway:
    """On a thread of its own."""

    def __init__(self) -> None:
        self.peers: fakes.Peers
        self.address = ""
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._started.wait()

    @property
    def admin(self) -> BreakingAdmin:
        assert isinstance(self.peers.admin, BreakingAdmin)
        return self.peers.admin

    def template(self, name: str) -> Template | None:
        """What is kept of that name."""
        return self.peers.reader.templates.get(("default", name))

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._ending = asyncio.Event()
        self.peers = fakes.Peers(admin_of=BreakingAdmin)
        await self.peers.start()
        place = {f"PULSE_{peer}_ADDRESS": self.peers.address for peer in ("ROUTER", "LEDGER", "DELIVERY")}
        settings = {
            "PULSE_LISTEN": "127.0.0.1:0",
            "PULSE_DRAIN_SECONDS": "0.1",
            "PULSE_ENV": "production",
            **OPEN,
            **LINKS,
            **place,
        }
        gateway = Gateway(GatewaySettings.load(settings), SystemClock())
        await gateway.start()
        self.address = f"127.0.0.1:{gateway.port}"
        self._started.set()
        await self._ending.wait()
        await gateway.stop()
        await self.peers.stop()
