"""What the load generator is told, and what it answers: one JSON object each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Self


@dataclass(frozen=True)
class Spec:
    """One load. ``way``: single, batch or echo by gRPC in a closed loop; rest through Envoy; gather: through Pulse's
    client, by ``in_flight`` callers; paced: single by gRPC at ``rate`` calls a second, whatever the answers, until
    ``count`` are sent or the file ``until`` exists."""

    way: str
    address: str  # host:port
    prefix: str  # begins every user, address and key
    count: int  # timed notifications
    warm: int = 0  # notifications before those
    in_flight: int = 50  # calls; connections by REST
    connections: int = 1  # by gRPC, without the gathering client
    batch: int = 500  # notifications in a call
    priority: str = "LOW"
    kind: str = "email"  # one of asks.KINDS
    api_key: str = ""
    rate: float = 0.0
    until: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))


@dataclass
class Result:
    """What became of a load. Times in seconds; ``latencies`` in milliseconds, of the calls that were accepted."""

    seconds: float = 0.0  # from the first timed call to the last answer
    cpu_seconds: float = 0.0  # the generator's own, while the clock ran
    began_ns: int = 0  # since 1970
    accepted: int = 0  # timed notifications
    refused: Mapping[str, int] = field(default_factory=dict)  # by code
    retried: int = 0  # calls sent again; by REST alone, as gRPC does it unseen
    latencies: list[float] = field(default_factory=list)
    ids: list[tuple[str, int]] = field(default_factory=list)  # paced and batch: id, and when it was sent (ns)

    @property
    def rate(self) -> float:
        """Accepted notifications a second."""
        return self.accepted / self.seconds if self.seconds else 0.0

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        result = cls(**json.loads(text))
        result.ids = [(id_, at) for id_, at in result.ids]
        return result
