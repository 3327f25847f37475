"""How Envoy reaches all of a gateway's processes, which share a port: by several connections."""

from __future__ import annotations

#: Calls on one connection, as many as the gateway lets in; where there are several processes, so few that calls take a
#: further connection early, as the kernel draws for each connection which process gets it.
OF_ONE, OF_SEVERAL = 1_000, 8


def most_streams(processes: int) -> int:
    """Calls that Envoy has under way on one connection to a gateway of so many processes."""
    return OF_ONE if processes == 1 else OF_SEVERAL
