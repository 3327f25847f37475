"""Run in a pod: which of these addresses (``host:port``, arguments) answers by TCP. Prints those that do."""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor

#: A refused flow's packets are thrown away, so there is no answer at all, s.
TIMEOUT_S = 3.0


def answers(address: str) -> bool:
    """Whether a connection can be made."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), TIMEOUT_S).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    with ThreadPoolExecutor(32) as threads:
        found = threads.map(answers, sys.argv[1:])
        sys.stdout.write(" ".join(each for each, open_ in zip(sys.argv[1:], found, strict=True) if open_))
