"""Whatever one tenant does, another's sends, reads and receipts stay within twice their time alone."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import grpc.aio
import pytest

from proof.waiting import until
from tests.isolation.attacks import ATTACKS
from tests.isolation.house import ATTACKER, House, connected
from tests.isolation.memory import Growth
from tests.isolation.neighbour import Neighbour
from tests.isolation.rounds import Comparison

#: Rounds of each kind in one measurement.
ROUNDS = 3
#: A machine that was busy with something else is measured again, so often in all.
MEASUREMENTS = 3
#: By how much a process may grow while it is attacked, MiB: half of what its pod has.
MOST_GROWTH = 256
#: Longest wait for what an attack has left behind, s.
SETTLED_S = 15.0
LEFT_BEHIND = """
SELECT count(*) FROM deliveries WHERE tenant_id = %(tenant)s AND status IN ('QUEUED', 'SENDING')
"""


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_neighbour_does_not_notice(house: House, attack: str, tell: Callable[[str], None]) -> None:
    """Nothing of the neighbour's is refused, late, lost or sent twice, and no process swells."""
    neighbour = Neighbour(house, f"{attack.replace('-', '')}{uuid.uuid4().hex[:6]}")
    told: dict[str, int] = {}
    memory = house.memory()
    async with house.target.channel() as channel:
        for _ in range(MEASUREMENTS):
            comparison = await compare(neighbour, channel, attack, told)
            tell(f"{attack:<15} {comparison}  told {told}")
            if not comparison.exceeded():
                break
    growth = memory.growth()
    tell(f"{'':<15} {in_words(growth)}")
    verdict = await neighbour.verdict()
    assert not verdict.violations
    assert not neighbour.refusals
    assert verdict.figures.lost == 0
    assert comparison.exceeded() == [], str(comparison)
    assert {role for role, one in growth.items() if one.highest - one.before > MOST_GROWTH} == set(), in_words(growth)


async def compare(neighbour: Neighbour, channel: grpc.aio.Channel, attack: str, told: dict[str, int]) -> Comparison:
    """Rounds alone and beside the attack, in turn."""
    comparison = Comparison()
    for _ in range(ROUNDS):
        comparison.alone.append(await neighbour.round(channel))
        async with neighbour.house.attack(attack, told):
            comparison.beside.append(await neighbour.round(channel))
        await settled(neighbour.house)
    return comparison


async def settled(house: House) -> None:
    """Returns once nothing of the attacker's is under way, or after a while."""
    async with connected(house.suite) as connection:

        async def nothing_left() -> bool:
            row = await (await connection.execute(LEFT_BEHIND, {"tenant": ATTACKER})).fetchone()
            return row == (0,)

        await until(nothing_left, SETTLED_S)


def in_words(growth: dict[str, Growth]) -> str:
    """MiB of each process."""
    return "  ".join(f"{role} {one.before} → {one.highest} → {one.after} MiB" for role, one in growth.items())
