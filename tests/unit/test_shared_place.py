"""The address that several processes of a role share, and who else may have it."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from shared.config import StartError
from shared.processes.place import shared_place

HOSTS = ["127.0.0.1", "0.0.0.0", "[::1]", "[::]"]


@pytest.mark.parametrize("host", HOSTS)
def test_a_second_parent_is_not_let_in_although_no_child_listens_yet(host: str) -> None:
    with shared_place("PULSE_LISTEN", f"{host}:0") as place:
        with pytest.raises(StartError, match="PULSE_LISTEN"), shared_place("PULSE_LISTEN", place):
            pass
        assert place.startswith(f"{host}:")
    with shared_place("PULSE_LISTEN", place) as again:
        assert again == place


@pytest.mark.parametrize("shared", [0, 1])
def test_nor_where_somebody_listens(shared: int) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
        other.bind(("127.0.0.1", 0))
        other.listen()
        place = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(StartError, match=place), shared_place("PULSE_LISTEN", place):
            pass


def test_children_listen_there_and_other_places_are_free() -> None:
    with ExitStack() as stack:
        first, _second = (stack.enter_context(shared_place("PULSE_LISTEN", "127.0.0.1:0")) for _ in range(2))
        for _ in range(2):
            child = stack.enter_context(socket.socket())
            child.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            child.bind(("127.0.0.1", int(first.rpartition(":")[2])))
            child.listen()
