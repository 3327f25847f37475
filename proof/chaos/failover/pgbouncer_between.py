"""PgBouncer between ledger and PostgreSQL, in session mode: it drops what keeps tenants apart, so nothing may pass."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

from proof.chaos.arrangement import Arrangement, told
from proof.chaos.faults import Fault
from proof.chaos.findings import Violation
from proof.waiting import until
from services.local import postgres, probes
from services.local.errors import StartFailed
from services.local.plan import Plan
from services.local.ports import HOST, any_free
from services.local.roles import Role

NAME = "pgbouncer"
#: What the ledger says of a session that did not begin as it asked.
REFUSED = "did not get what the ledger's connection asked for (role"
#: Longest wait for the proxy to be there again, s.
PATIENCE_S = 10.0


class PgBouncerBetween(Arrangement):
    """A proxy that takes the ledger's connections, as its startup options are ignored; the ledger begins without it."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.port = any_free(set(dataclasses.asdict(plan.ports).values()))

    @classmethod
    def missing(cls) -> str:
        return "" if shutil.which(NAME) else NAME

    def roles(self, roles: Sequence[Role]) -> list[Role]:
        proxy = Role(
            NAME,
            lambda _plan: [*postgres.as_plain_user(), NAME, str(self._file("ini"))],
            self.probe,
            after=("postgres",),
            prepare=lambda _plan: self._write(),
        )
        return [*roles, proxy]

    def probe(self, plan: Plan) -> probes.Probe:
        """Ready when PostgreSQL answers through it."""
        through = dataclasses.replace(plan, ports=dataclasses.replace(plan.ports, postgres=self.port))
        return probes.succeeds(postgres.is_ready_command(through), self.port)

    def behind(self, ledger: Role) -> Role:
        """The ledger, told to go through the proxy."""
        return told(ledger, {"PULSE_DATABASE_URL": self.plan.database_url(address=f"{HOST}:{self.port}")})

    def _file(self, kind: str) -> Path:
        return self.plan.home.data / f"{NAME}.{kind}"

    def _write(self) -> None:
        """Settings, and who is let in."""
        lines = [
            "[databases]",
            f"{postgres.DATABASE} = host={HOST} port={self.plan.ports.postgres}",
            f"[{NAME}]",
            f"listen_addr = {HOST}",
            f"listen_port = {self.port}",
            "unix_socket_dir =",
            "auth_type = plain",
            f"auth_file = {self._file('users')}",
            "pool_mode = session",
            "ignore_startup_parameters = options",
        ]
        for kind, text in {"ini": "\n".join(lines), "users": f'"{postgres.USER}" "{self._password}"'}.items():
            self._file(kind).touch(mode=0o600)
            self._file(kind).write_text(f"{text}\n", encoding="ascii")

    @property
    def _password(self) -> str:
        return self.plan.home.secret("postgres")


class PgBouncerRefused(Fault):
    """Under load the ledger is put behind the proxy, which is killed and comes back; then the ledger is put right."""

    name = "pgbouncer-refused"

    async def strike(self) -> None:
        proxy = self.suite.arrangement
        assert isinstance(proxy, PgBouncerBetween)
        self._said = [await self._put_behind(proxy)]
        self.suite.kill([NAME])
        pid = self.suite.units[NAME].pid

        async def is_back() -> bool:
            now = self.suite.units[NAME].pid
            return now not in (None, pid) and await proxy.probe(self.suite.plan)(0)

        if not await until(is_back, PATIENCE_S):
            raise TimeoutError("the proxy did not come back")
        self._said.append(await self._put_behind(proxy))
        self.what = f"refused {sum(REFUSED in said for said in self._said)} of {len(self._said)} times"

    async def heal(self) -> None:
        await self.suite.replace("ledger", None)

    async def aftermath(self) -> list[Violation]:
        """The ledger refused to serve through it, before it was killed and after."""
        wrong = [said for said in self._said if REFUSED not in said]
        return [Violation("I11", "through a proxy", NAME, said) for said in wrong]

    async def _put_behind(self, proxy: PgBouncerBetween) -> str:
        """What the ledger said when it was started there."""
        try:
            await self.suite.replace("ledger", proxy.behind(self.suite.roles["ledger"]))
        except StartFailed as failure:
            return failure.tail
        return "it serves"
