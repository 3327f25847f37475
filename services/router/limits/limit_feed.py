"""The limit feed: keeps the limits that operators set at run time, as the ledger told them last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc.aio

from pulse.common.v1.limit_pb2 import Limit
from pulse.ledger.v1.ledger_reader_pb2 import ListLimitsRequest
from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderStub
from services.router import wire
from services.router.outage import Outage
from services.router.rules.applicable_limits import LimitMatcher
from services.router.rules.limit_book import Configured, LimitBook
from services.router.rules.provider_rates import Rates
from shared.errors import PulseError
from shared.observe.tracebacks import kind
from shared.repeating import repeat
from shared.rpc import channels, deadlines

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub


#: Limits asked for at once.
_PAGE = 1_000


class LimitFeed:
    """Asks every ``poll`` s, each time ``timeout`` s at the longest. What is configured counts until it is told."""

    def __init__(
        self, channel: grpc.aio.Channel, configured: Configured, rates: Rates, *, poll: float, timeout: float
    ) -> None:
        self._reader: LedgerReaderAsyncStub = LedgerReaderStub(channel)
        self._configured = configured
        self._rates = rates
        self._poll = poll
        self._timeout = timeout
        self._revision = 0
        #: The revision of the limits in force.
        self._applied = 0
        self._limits: dict[tuple[str, str], Limit] = {}
        self._matcher = LimitMatcher(LimitBook(configured))
        self.outage = Outage("ledger (limits)", "the limits it told last stay in force")

    @property
    def current(self) -> LimitMatcher:
        """The limits in force."""
        return self._matcher

    async def run(self) -> None:
        """Asks until cancelled."""
        await repeat("asking for limits", self.refresh, self._poll)

    async def refresh(self) -> None:
        """Asks once. A ledger that is away changes nothing."""
        deadlines.start(None)
        try:
            while await self._ask():
                pass
        except PulseError as error:
            self.outage.failed(error.reason)
            return
        try:
            self._apply()
        except Exception as error:  # an answer that cannot be used is as good as none
            self.outage.failed(kind(error))
            raise
        self.outage.worked()

    def _apply(self) -> None:
        if self._revision == self._applied:
            return
        limits = list(self._limits.values())
        self._matcher = LimitMatcher(LimitBook(self._configured, wire.overrides(limits)))
        self._rates.override(wire.provider_rates(limits))
        self._applied = self._revision

    async def _ask(self) -> bool:
        """Asks for one page of what changed; True if there is another."""
        request = ListLimitsRequest(known_revision=self._revision, page_size=_PAGE)
        answer = await channels.call(self._reader.ListLimits, request, self._timeout)
        if answer.revision < self._revision:  # the ledger's database was replaced: all over again
            self._revision = 0
            self._limits = {}
            return True
        if not answer.is_page and answer.revision != self._revision:
            self._limits = {}
        self._limits |= {(one.tenant_id, one.limit_id): one for one in answer.limits}
        for one in answer.deleted:
            self._limits.pop((one.tenant_id, one.limit_id), None)
        self._revision = answer.revision
        return answer.more
