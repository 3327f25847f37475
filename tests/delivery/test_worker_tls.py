"""A worker whose broker is behind TLS."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from tests.delivery.fakes import FakeLedger
from tests.delivery.test_worker import Start, start_worker
from tests.delivery.test_worker_broker_errors import goes_on
from tests.support import eventually
from tests.support.certificates import Authority
from tests.support.far_link import far_link, through

__all__ = ["start_worker"]  # a fixture


@pytest.mark.parametrize(
    ("name", "query", "warned"),
    [("127.0.0.1", "?ssl_ca_certs={trusted}", False), ("valkey.example.org", "?ssl_cert_reqs=none", True)],
)
async def test_it_consumes_by_tls(
    start_worker: Start,
    ledger: tuple[FakeLedger, str],
    broker_url: str,
    tmp_path: Path,
    name: str,
    query: str,
    warned: bool,
) -> None:
    authority = Authority(tmp_path)
    async with far_link(urlsplit(broker_url).port or 0, tls=authority.server(name)) as link:
        url = through(link.port, broker_url, "rediss") + query.format(trusted=quote(str(authority.file)))
        worker = await start_worker(PULSE_BROKER_URL=url)
        await goes_on(worker, ledger, broker_url)
    assert ("any certificate is believed" in worker.log) == warned


async def test_it_waits_for_a_broker_whose_certificate_it_does_not_believe_and_says_why(
    start_worker: Start, broker_url: str, tmp_path: Path
) -> None:
    async with far_link(urlsplit(broker_url).port or 0, tls=Authority(tmp_path).server("127.0.0.1")) as link:
        starting = asyncio.create_task(start_worker(PULSE_BROKER_URL=through(link.port, broker_url, "rediss")))
        log = tmp_path / "worker.log"
        await eventually(lambda: log.exists() and "its certificate is not believed" in log.read_text())
        assert "Traceback" not in log.read_text()
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
