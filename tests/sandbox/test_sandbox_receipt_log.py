"""The receipt log on a real file."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from pathlib import Path

import pytest

from services.sandbox.receipts.inbox import Inbox, Query
from services.sandbox.receipts.log import ReceiptLog
from services.sandbox.receipts.receipt import Receipt


def receipt(to: str) -> Receipt:
    return Receipt("sms", "twilio", to, "", "a body", "n-1", "SM1")


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(100)


async def opened(path: Path, inbox: Inbox) -> ReceiptLog:
    log = ReceiptLog(path, inbox, now_ns=lambda: 1_000_000_000)
    log.open()
    return log


async def test_receipts_that_come_together_share_an_fsync_and_keep_their_order(
    tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = 0
    fsync = os.fsync

    def counted(fd: int) -> None:
        nonlocal synced
        synced += 1
        fsync(fd)

    monkeypatch.setattr(os, "fsync", counted)
    log = await opened(tmp_path / "log", inbox)
    await asyncio.gather(*(log.keep(receipt(str(number))) for number in range(50)))
    entries, _ = inbox.select(Query(), 100)
    await log.close()
    assert synced <= 2
    assert [entry.to for entry in entries] == [str(number) for number in range(50)]
    assert [entry.id for entry in entries] == list(range(1_000_000, 1_000_050)), "ids grow though the clock stands"
    assert [json.loads(line)["to"] for line in (tmp_path / "log").read_text().splitlines()] == [
        entry.to for entry in entries
    ]


async def test_a_full_disk_keeps_nothing_and_the_next_receipt_stands_alone(
    tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await opened(tmp_path / "log", inbox)

    def full(_fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            await log.keep(receipt("lost"))
    await log.keep(receipt("kept"))
    await log.close()
    assert inbox.count() == 1
    assert [json.loads(line)["to"] for line in (tmp_path / "log").read_text().splitlines()] == ["kept"]


async def test_a_caller_that_gives_up_leaves_its_receipt(tmp_path: Path, inbox: Inbox) -> None:
    log = await opened(tmp_path / "log", inbox)
    waiting = asyncio.create_task(log.keep(receipt("gave up")))
    await asyncio.sleep(0)
    waiting.cancel()
    await log.keep(receipt("stayed"))
    await log.close()
    assert inbox.count() == 2


async def test_text_that_utf8_cannot_hold_is_written_as_question_marks(tmp_path: Path, inbox: Inbox) -> None:
    log = await opened(tmp_path / "log", inbox)
    await log.keep(receipt("a\udc80b"))
    (line,) = log.read(inbox.select(Query(), 1)[0])
    await log.close()
    assert json.loads(line)["to"] == "a?b"
