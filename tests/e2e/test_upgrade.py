"""A rolling upgrade: version N and N+1 on one database and one broker, under load, with nothing lost.

Version N is :data:`RELEASE_BEFORE`, which has an older schema; where the history does not reach back so far, the last
commit (:mod:`proof.chaos.old_version`).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

from proof.chaos import gathering, old_version
from proof.chaos.checker import Verdict, check
from proof.chaos.driver import Driver, make_template
from proof.chaos.evidence import Rules
from proof.chaos.load import Load
from proof.chaos.profiles import SHORT
from proof.waiting import until
from tests.e2e import rollout
from tests.e2e.rollout import Rollout

#: The last commit with schema 0003.
RELEASE_BEFORE = "874d99476f7d6e90cbdac76e7c4310533dbc5d77"
#: Notifications sent while one role is there in both versions, and again while its old process ends.
PORTION = 25
#: They are sent over so long, s.
OVER_S = 0.8
#: Longest wait for the last of them to end, s.
QUIET_S = 40.0

CALLEES_FIRST = tuple(role.name for role in rollout.ROLES)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of version N."""
    folder = tmp_path_factory.mktemp("release") / "before"
    if not old_version.unpack_commit(RELEASE_BEFORE, folder):
        warnings.warn("the release before is not in this history: the last commit stands in for it", stacklevel=1)
    return old_version.unpack(folder)


@pytest.mark.parametrize(
    "order", [CALLEES_FIRST, CALLEES_FIRST[::-1]], ids=["ledger first, as documented", "workers first"]
)
async def test_a_rolling_upgrade_under_load_loses_nothing(order: Sequence[str], tree: Path, tmp_path: Path) -> None:
    async with rollout.rolling(tmp_path, tree) as both:
        assert all(path.is_relative_to(tree) for path in rollout.origins(both.before))
        await make_template(both.gateway)
        driver = Driver(both.gateway, "upgrade")
        await _roll(both, driver, order)
        verdict = await _verdict(both, driver)
    assert verdict.violations == []
    assert both.endings == dict.fromkeys(order, "it ended with status 0")
    assert [ask for ask in driver.journal.open if ask.key] == []
    assert verdict.figures.acknowledged > len(order) * PORTION


async def _roll(both: Rollout, driver: Driver, order: Sequence[str]) -> None:
    """Replaces role by role, as a rollout does: the new one is ready before the old one is asked to end."""
    load = Load("upgrade", "upgrade")
    driver.start(load.steps(PORTION, burst=True), OVER_S)
    await both.migrate("--before")
    for name in order:
        await both.start_new(name)
        driver.start(load.steps(PORTION), OVER_S)
        await _until_under_way(driver)
        driver.start(load.steps(PORTION), OVER_S)
        await both.stop_old(name)
    await both.migrate()
    driver.start(load.steps(PORTION), OVER_S)
    await driver.finish()


async def _until_under_way(driver: Driver) -> None:
    """Returns when half of what was begun has its answer, so that both versions of a role had their share."""

    async def few() -> bool:
        return driver.calls <= PORTION // 2

    assert await until(few, QUIET_S)


async def _verdict(both: Rollout, driver: Driver) -> Verdict:
    """What the checker of the chaos proof says once everything has ended."""
    async with await psycopg.AsyncConnection.connect(both.database, autocommit=True) as connection:

        async def quiet() -> bool:
            return (await gathering.books(connection, "upgrade"))[2] == 0

        await until(quiet, QUIET_S, 0.1)
        receipts, _ = gathering.read_receipts(both.receipts)
        rules = Rules(SHORT.limit, SHORT.window_s)
        return check(await gathering.gather(connection, "upgrade", driver.journal, receipts, [], rules))
