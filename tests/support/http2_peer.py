"""A server by HTTP/2 that a test leads, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator

import h2.connection
import h2.events
from h2.config import H2Configuration
from h2.settings import SettingCodes, Settings

from tests.support.dripping import Peer


class Http2Peer:
    """One connection, as its server sees it. It ends as its :class:`Peer` does."""

    def __init__(self, peer: Peer, settings: dict[SettingCodes, int] | None = None) -> None:
        self._peer = peer
        self.h2 = h2.connection.H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        if settings:
            self.h2.local_settings = Settings(client=False, initial_values=settings)
        self.h2.initiate_connection()
        self.flush()
        #: Of each request by its stream.
        self.headers: dict[int, dict[str, str]] = {}
        self.bodies: dict[int, bytes] = {}

    def flush(self) -> None:
        self._peer.connection.sendall(self.h2.data_to_send())

    def events(self) -> Iterator[h2.events.Event]:
        """What the client says, until it hangs up; bodies are made room for as they come."""
        while data := self._peer.connection.recv(64 * 1024):
            for event in self.h2.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self.headers[event.stream_id] = dict(event.headers)
                    self.bodies[event.stream_id] = b""
                if isinstance(event, h2.events.DataReceived):
                    self.bodies[event.stream_id] += event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                self.flush()
                yield event

    def requests(self) -> Iterator[int]:
        """The stream of each whole request."""
        for event in self.events():
            if isinstance(event, h2.events.StreamEnded):
                yield event.stream_id

    def answer(self, stream: int, body: bytes = b"", **headers: str) -> None:
        told = {":status": "200", "x-stream": str(stream), **headers}
        self.h2.send_headers(stream, [*told.items()], end_stream=not body)
        if body:
            self.h2.send_data(stream, body, end_stream=True)
        self.flush()
