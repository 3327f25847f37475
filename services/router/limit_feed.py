"""The limit feed: keeps the limits that operators set at run time, as the ledger told them last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc.aio

from pulse.ledger.v1.ledger_reader_pb2 import ListLimitsRequest, ListLimitsResponse
from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderStub
from services.router import wire
from services.router.limit_book import Configured, LimitBook
from services.router.outage import Outage
from services.router.provider_rates import Rates
from services.router.terms import TermsBook
from shared import channels, deadlines
from shared.errors import PulseError
from shared.repeating import repeat
from shared.tracebacks import kind

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub


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
        self._terms = TermsBook(LimitBook(configured))
        self.outage = Outage("ledger (limits)", "the limits it told last stay in force")

    @property
    def current(self) -> TermsBook:
        """The limits in force."""
        return self._terms

    async def run(self) -> None:
        """Asks until cancelled."""
        await repeat("asking for limits", self.refresh, self._poll)

    async def refresh(self) -> None:
        """Asks once. A ledger that is away changes nothing."""
        deadlines.start(None)
        try:
            request = ListLimitsRequest(known_revision=self._revision)
            answer = await channels.call(self._reader.ListLimits, request, self._timeout)
        except PulseError as error:
            self.outage.failed(error.reason)
            return
        try:
            self._take(answer)
        except Exception as error:  # an answer that cannot be used is as good as none
            self.outage.failed(kind(error))
            raise
        self.outage.worked()

    def _take(self, answer: ListLimitsResponse) -> None:
        # A revision from before another one's: the ledger's database was replaced.
        if answer.revision != self._revision:
            self._terms = TermsBook(LimitBook(self._configured, wire.overrides(answer.limits)))
            self._rates.override(wire.provider_rates(answer.limits))
            self._revision = answer.revision
