"""``python -m tests.isolation.attacker TARGET``: whoever misbehaves, in a process of its own, told what to do by lines.

``go NAME`` begins an attack and is answered ``on`` once it is at work; ``rest`` ends it and is answered by what it was
told, as JSON. It gives way to all other processes: what is looked for is what an attack takes from the suite, not what
its own program takes from a machine that both share.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from tests.isolation.attacks import ATTACKS
from tests.isolation.scene import Scene, Target


async def obey(target: Target) -> None:
    """Does what the lines say until there are no more."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode().split():
        scene = Scene(target)
        work = asyncio.create_task(ATTACKS[line[1]](scene))
        begun = asyncio.create_task(scene.begun.wait())
        await asyncio.wait([work, begun], return_when=asyncio.FIRST_COMPLETED)
        say("on")
        await reader.readline()
        begun.cancel()
        work.cancel()
        [ended] = await asyncio.gather(work, return_exceptions=True)
        broken = "" if ended is None or isinstance(ended, asyncio.CancelledError) else repr(ended)
        say(json.dumps({"told": scene.told, "broken": broken}))


def say(line: str) -> None:
    """One line to whoever gives the orders, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.nice(19)
    asyncio.run(obey(Target(**json.loads(sys.argv[1]))))
