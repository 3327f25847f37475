"""Floors: what the bare means do on this machine in this run, so that a figure can be read on any machine."""

from __future__ import annotations

import json
import statistics
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg

from proof.bench import children
from proof.bench.figures import percentile
from proof.bench.sizes import Sizes
from proof.bench.spec import Spec
from services.local.plan import Plan

_TABLE = """
CREATE TABLE floor (tenant_id text, notification_id uuid, body text, created_at timestamptz,
    PRIMARY KEY (tenant_id, notification_id))
"""
_INSERT = """
INSERT INTO floor SELECT * FROM json_to_recordset(%s::json)
    AS r(tenant_id text, notification_id uuid, body text, created_at timestamptz)
"""
_BODY = "x" * 200


class Floor(NamedTuple):
    """Median of the runs, and what it is of."""

    value: float
    name: str


@dataclass
class Floors:
    """Those measured so far, by name; each is measured when it is first asked for."""

    measured: dict[str, Floor] = field(default_factory=dict)

    async def echo(self, sizes: Sizes) -> tuple[Floor, Floor, Floor]:
        """gRPC calls a second to a server that only answers, and their p50 and p99 in ms."""
        if "echo" not in self.measured:
            runs = await _echo(sizes)
            for name, values in zip(("echo", "echo p50", "echo p99"), zip(*runs, strict=True), strict=True):
                self.measured[name] = Floor(statistics.median(values), f"grpcio {name}")
        return self.measured["echo"], self.measured["echo p50"], self.measured["echo p99"]

    async def inserts(self, plan: Plan, sizes: Sizes, batch: int) -> Floor:
        """Rows a second into one bare table, ``batch`` a statement and a commit, on one connection."""
        name = f"insert of {batch}"
        if name not in self.measured:
            self.measured[name] = Floor(await _inserts(plan, sizes, batch), f"bare {name}")
        return self.measured[name]

    async def emails(self, plan: Plan, sizes: Sizes, kind: str = "email") -> Floor:
        """Emails a second by a bare loop of smtplib over the worker's number of connections."""
        arguments = (str(plan.ports.sandbox_smtp), str(sizes.floor_emails), kind)
        return await self._loop("proof.bench.smtp_loop", arguments, sizes, f"bare SMTP loop ({kind})")

    async def pushes(self, plan: Plan, sizes: Sizes) -> Floor:
        """Pushes a second by a bare loop of http.client over the worker's number of connections."""
        arguments = (str(plan.ports.sandbox), str(sizes.floor_pushes))
        return await self._loop("proof.bench.http_loop", arguments, sizes, "bare HTTP loop")

    async def _loop(self, program: str, arguments: Sequence[str], sizes: Sizes, name: str) -> Floor:
        if name not in self.measured:
            outputs = [
                await children.output(program, *arguments, patience_s=sizes.patience_s) for _ in range(sizes.runs)
            ]
            self.measured[name] = Floor(statistics.median(map(float, outputs)), name)
        return self.measured[name]


async def _echo(sizes: Sizes) -> list[tuple[float, float, float]]:
    runs = []
    async with children.module("proof.bench.echo_server") as server:
        assert server.stdout is not None
        address = f"127.0.0.1:{int(await server.stdout.readline())}"
        spec = Spec("echo", address, "floor", sizes.single, sizes.warm, sizes.in_flight)
        for _ in range(sizes.runs):
            result = await children.generate(spec, sizes.patience_s)
            runs.append((result.rate, percentile(result.latencies, 0.5), percentile(result.latencies, 0.99)))
    return runs


async def _inserts(plan: Plan, sizes: Sizes, batch: int) -> float:
    name = f"floor_{uuid.uuid4().hex}"
    async with await psycopg.AsyncConnection.connect(plan.database_url(), autocommit=True) as owner:
        await owner.execute(f"CREATE DATABASE {name}".encode())
        try:
            async with await psycopg.AsyncConnection.connect(plan.database_url(name), autocommit=True) as connection:
                await connection.execute(_TABLE)
                rates = [await _insert(connection, sizes.floor_inserts, batch) for _ in range(sizes.runs + 1)]
        finally:
            await owner.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    return statistics.median(rates[1:])


async def _insert(connection: psycopg.AsyncConnection, count: int, batch: int) -> float:
    batches = [
        json.dumps(
            [
                {"tenant_id": "t", "notification_id": str(uuid.uuid4()), "body": _BODY, "created_at": "2026-01-01"}
                for _ in range(min(batch, count - start))
            ]
        )
        for start in range(0, count, batch)
    ]
    began = time.perf_counter()
    for parameters in batches:
        await connection.execute(_INSERT, (parameters,), prepare=True)
    return count / (time.perf_counter() - began)
