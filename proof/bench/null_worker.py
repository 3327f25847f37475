"""``python -m proof.bench.null_worker high|low FILE``: the delivery worker with providers that answer at once.

All else is the product's: the queue, the claims, rendering, the settlements. The providers stand where the real ones
would, under their names, and write down in FILE what they are given.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from unittest.mock import patch

from proof.bench.records import RecordWriter
from services.delivery.providers import registry
from services.delivery.rules.provider import Outcome, Outgoing, succeeded
from services.delivery.worker import start

CHANNELS = {"smtp": "EMAIL", "twilio": "SMS", "fcm": "PUSH"}


class NullProvider:
    """Takes over whatever it is given, at once."""

    concurrency = 1_000

    def __init__(self, name: str, records: RecordWriter) -> None:
        self.name = name
        self.channel = CHANNELS[name]
        self._records = records

    async def send(self, outgoing: Outgoing, deadline: float) -> Outcome:
        self._records.write(outgoing.notification_id, time.time_ns())
        return succeeded(outgoing.notification_id)

    async def close(self) -> None:
        """Nothing is open: the file is the process's."""


def main() -> None:
    """As the product's worker."""
    program, lane, file = sys.argv
    records = RecordWriter(Path(file))
    providers = {name: NullProvider(name, records) for name in CHANNELS}
    with patch.object(registry, "build", lambda *_, **__: providers), patch.object(sys, "argv", [program, lane]):
        start.main()


if __name__ == "__main__":
    main()
