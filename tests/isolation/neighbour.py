"""Neighbour: the tenant who must not notice. It sends, reads, and waits for what its providers were given."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import grpc.aio

from proof.chaos import gathering
from proof.chaos.checker import Verdict, check
from proof.chaos.driver import credential, request
from proof.chaos.evidence import Receipt, Rules
from proof.chaos.journal import Acknowledgement, Journal
from proof.chaos.load import Ask
from proof.chaos.profiles import SHORT
from proof.waiting import until
from pulse.gateway.v1 import notification_service_pb2 as api
from pulse.gateway.v1.notification_service_pb2_grpc import NotificationServiceStub
from shared.rpc.statuses import from_rpc_error
from tests.isolation.house import NEIGHBOUR, House, connected
from tests.isolation.rounds import Round

#: Callers at once, and what each sends in one round.
CALLERS = 2
SENDS = 10
#: Every so many sends the newest of its own are listed.
LISTED = 4
#: Longest wait for an answer, and for a receipt, s: beyond any bound that is looked for.
CALL_S = 5.0
RECEIPT_S = 20.0


class Neighbour:
    """One test's life of the tenant; ``prefix`` begins all its users. ``refusals`` counts calls that failed."""

    def __init__(self, house: House, prefix: str) -> None:
        self.house = house
        self.journal = Journal()
        self.refusals: Counter[str] = Counter()
        self._prefix = prefix
        self._number = 0
        self._receipts: list[Receipt] = []
        _, self._log_end = gathering.read_receipts(house.receipt_log)

    async def round(self, channel: grpc.aio.Channel) -> Round:
        """Sends, reads and waits for all receipts; how long each took."""
        done = Round()
        acknowledged = len(self.journal.acknowledged)
        stub = NotificationServiceStub(channel)
        await asyncio.gather(*(self._caller(stub, done) for _ in range(CALLERS)))
        mine = {one.notification_id: one.at for one in self.journal.acknowledged[acknowledged:]}

        async def arrived() -> bool:
            self._read_log()
            return mine.keys() <= {receipt.notification_id for receipt in self._receipts}

        await until(arrived, RECEIPT_S, 0.02)
        # A provider may have it before the caller has the answer.
        done.receipts += [
            max(0.0, one.at - mine[one.notification_id]) for one in self._receipts if one.notification_id in mine
        ]
        return done

    async def verdict(self) -> Verdict:
        """What the checker says of everything that this tenant sent, once all of it has ended."""
        async with connected(self.house.suite) as connection:

            async def quiet() -> bool:
                return (await gathering.books(connection, self._prefix))[2] == 0

            await until(quiet, RECEIPT_S)
            self._read_log()
            rules = Rules(SHORT.limit, SHORT.window_s)
            own = {one.notification_id for one in self.journal.acknowledged}
            receipts = [one for one in self._receipts if one.notification_id in own]
            return check(await gathering.gather(connection, self._prefix, self.journal, receipts, [], rules))

    async def _caller(self, stub: NotificationServiceStub, done: Round) -> None:
        for number in range(SENDS):
            ask = self._ask()
            self.journal.asked.append(ask)
            began = time.monotonic()
            try:
                answer = await stub.SendNotification(request(ask), timeout=CALL_S, metadata=credential(NEIGHBOUR))
            except grpc.aio.AioRpcError as error:
                self.journal.open.append(ask)
                self.refusals[f"send: {from_rpc_error(error).reason}"] += 1
                continue
            done.sends.append(time.monotonic() - began)
            self.journal.acknowledged.append(Acknowledgement(ask, answer.notification_id, time.time()))
            await self._read(stub, answer.notification_id, done, lists=number % LISTED == 0)

    async def _read(self, stub: NotificationServiceStub, notification_id: str, done: Round, lists: bool) -> None:
        began = time.monotonic()
        try:
            if lists:
                newest = api.ListNotificationsRequest(page_size=20)
                await stub.ListNotifications(newest, timeout=CALL_S, metadata=credential(NEIGHBOUR))
            else:
                one = api.GetNotificationRequest(notification_id=notification_id)
                await stub.GetNotification(one, timeout=CALL_S, metadata=credential(NEIGHBOUR))
        except grpc.aio.AioRpcError as error:
            self.refusals[f"read: {from_rpc_error(error).reason}"] += 1
        else:
            done.reads.append(time.monotonic() - began)

    def _ask(self) -> Ask:
        self._number += 1
        number = self._number
        return Ask(
            tenant=NEIGHBOUR,
            user=f"{self._prefix}-u{number}",
            channel="PUSH" if number % 3 == 0 else "EMAIL",
            lane="LOW" if number % 2 else "HIGH",
            to=f"{self._prefix}:{number}" if number % 3 == 0 else f"{self._prefix}.{number}@example.com",
            name=f"{self._prefix}-n{number}",
            key=f"{self._prefix}-k{number}",
        )

    def _read_log(self) -> None:
        more, self._log_end = gathering.read_receipts(self.house.receipt_log, self._log_end)
        self._receipts += more
