"""Receipt log: the file that holds every receipt, on the disk before the provider answers."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from services.sandbox.receipts.files import Files
from services.sandbox.receipts.inbox import Entry, Inbox
from services.sandbox.receipts.receipt import LINE_START, Receipt
from shared.config import StartError


class LogInUse(StartError):
    """Another process writes this log."""


class _Waiting(NamedTuple):
    """A line that is not yet on the disk, and who waits for it."""

    id: int
    line: bytes
    receipt: Receipt
    done: asyncio.Future[None]


class ReceiptLog:
    """Appends receipts with group commit: those that come while an fsync is under way share the next one.

    Ids are microseconds since 1970, moved up where needed so that they always grow, across restarts too. ``kept`` is
    told of each receipt that came onto the disk.
    """

    def __init__(
        self,
        path: Path,
        inbox: Inbox,
        now_ns: Callable[[], int] = time.time_ns,
        kept: Callable[[Receipt], None] | None = None,
    ) -> None:
        self._path = path
        self._inbox = inbox
        self._now_ns = now_ns
        self._kept = kept
        #: Those that came with the newest emails.
        self.files = Files()
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="receipt-log")
        self._busy = asyncio.Lock()
        self._waiting: list[_Waiting] = []
        self._flusher: asyncio.Task[None] | None = None
        self._last_id = 0
        self._end = 0
        self._fd = -1

    def open(self) -> None:
        """Opens the file, drops a torn last line, and fills the inbox; raises :class:`LogInUse` or OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            self._fd = -1
            raise LogInUse(f"{self._path} is written by another sandbox; set another PULSE_HOME") from None
        self._read_back()
        os.ftruncate(self._fd, self._end)

    async def keep(self, *receipts: Receipt) -> None:
        """Returns once the receipts are on the disk and in the inbox; raises OSError if they are in neither."""
        now = self._now_ns()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for receipt in receipts:
            self._last_id = max(self._last_id + 1, now // 1000)
            self._waiting.append(_Waiting(self._last_id, receipt.line(self._last_id, now), receipt, done))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        await done

    def read(self, entries: Iterable[Entry]) -> list[bytes]:
        """The JSON of each entry, without its line feed."""
        return [os.pread(self._fd, entry.length - 1, entry.offset) for entry in entries]

    async def clear(self) -> None:
        """Empties the inbox and the file; receipts still on their way come after it."""
        async with self._busy:
            self._inbox.clear()
            await asyncio.get_running_loop().run_in_executor(self._disk, self._cut, 0)

    async def close(self) -> None:
        """Waits for what is under way and closes the file."""
        if self._flusher is not None:
            await self._flusher
        self._disk.shutdown()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    async def _flush(self) -> None:
        try:
            while self._waiting:
                async with self._busy:
                    batch, self._waiting = self._waiting, []
                    await self._flush_batch(batch)
        finally:
            self._flusher = None

    async def _flush_batch(self, batch: list[_Waiting]) -> None:
        data = b"".join(waiting.line for waiting in batch)
        try:
            offset = await asyncio.get_running_loop().run_in_executor(self._disk, self._write, data)
        except OSError as error:
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_exception(OSError(error.errno, error.strerror))
            return
        for waiting in batch:
            self._index(waiting, offset)
            offset += len(waiting.line)
            if not waiting.done.done():  # a client that hung up no longer waits; its receipt counts all the same
                waiting.done.set_result(None)

    def _index(self, waiting: _Waiting, offset: int) -> None:
        receipt = waiting.receipt
        for file in receipt.files:
            self.files.keep(file.content)
        if receipt.message:
            self.files.keep(receipt.message)
        self._inbox.add(
            Entry(waiting.id, receipt.channel, receipt.to, receipt.notification_id, offset, len(waiting.line))
        )
        if self._kept is not None:
            self._kept(receipt)

    def _write(self, data: bytes) -> int:
        """In the disk's thread: appends all or nothing, and returns where it begins."""
        offset = self._end
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
            os.fsync(self._fd)
        except OSError:
            os.ftruncate(self._fd, offset)
            raise
        self._end = offset + len(data)
        return offset

    def _cut(self, end: int) -> None:
        os.ftruncate(self._fd, end)
        os.fsync(self._fd)
        self._end = end

    def _read_back(self) -> None:
        """One pass counts all lines; only the newest are parsed, for they alone are listed."""
        counts: Counter[str] = Counter()
        newest: deque[tuple[int, int]] = deque(maxlen=self._inbox.keep)
        self._end = 0
        with self._path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                start = LINE_START.match(line)
                if start is not None:
                    counts[start[2].decode()] += 1
                    newest.append((self._end, len(line)))
                self._end += len(line)
        self._inbox.restore([self._entry(offset, length) for offset, length in newest], counts)
        if newest:
            self._last_id = self._entry(*newest[-1]).id

    def _entry(self, offset: int, length: int) -> Entry:
        kept = json.loads(os.pread(self._fd, length, offset))
        return Entry(int(kept["id"]), kept["channel"], kept["to"], kept["notification_id"], offset, length)
