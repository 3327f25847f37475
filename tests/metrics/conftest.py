"""One suite for these tests: what it counts is theirs alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from proof.waiting import wait_until
from tests.e2e.suite import Suite, running
from tests.metrics.scraping import Scrape, scrape

#: Sent with a sampled trace of this id.
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
#: What the suite is given to count: so many emails, the limit for one user and more, a code by SMS.
EMAILS, LIMIT, OVER = 12, 10, 3

Look = Callable[[str], Scrape]


@pytest.fixture(scope="session")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """A suite that has sent and refused what is said above, and has its receipts."""
    with running(tmp_path_factory.mktemp("counted"), PULSE_SANDBOX_CALLBACKS="on") as suite:
        suite.rest.headers["traceparent"] = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
        users = [f"user-{number}" for number in range(EMAILS - LIMIT)] + ["keen"] * (LIMIT + OVER)
        emails = [suite.send(user_id=user) for user in users]
        assert [answer.status_code for answer in emails] == [202] * EMAILS + [429] * OVER
        code = suite.send(template_name="login_otp", to="+15551234567", context={"code": "1"}, channel="sms")
        for answer in [*emails[:EMAILS], code]:
            suite.until_arrived(answer.json()["notification_id"])
        wait_until(lambda: scrape(address(suite, "ledger")).value("pulse_accept_to_delivered_seconds_count"))
        yield suite


@pytest.fixture
def look(counted: Suite) -> Look:
    """Scrapes a role."""
    return lambda role: scrape(address(counted, role))


def address(suite: Suite, role: str) -> str:
    """Where a role serves its metrics: the gateway on the port that people know, the others where they say."""
    if role == "gateway":
        ports = json.loads((suite.home / "data" / "ports.json").read_text())
        return f"127.0.0.1:{ports['metrics']}"
    return (suite.home / "run" / f"{role}.metrics").read_text().strip()
