"""What is decided about a local run before the first process starts: its home, its ports, its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.local.home import Home
from services.local.ports import HOST, Ports

#: Tells a role's process from others; a later run finds by it what an earlier one left behind.
MARK = "PULSE_LOCAL_ROLE"


@dataclass(frozen=True)
class Plan:
    """One local run. ``base`` is the environment it was started with, ``root`` the folder of the code."""

    home: Home
    ports: Ports
    base: Mapping[str, str]
    root: Path
    #: Longest wait for a role to end by itself, seconds.
    stop_seconds: float = 12.0
    #: Longest wait for a role to become ready, seconds.
    ready_seconds: float = 60.0
    #: Signs unsubscribe links, unless somebody names another key; empty: there are none.
    unsubscribe_key: str = ""

    #: Folder of the certificates by which the roles know each other; None: their calls are in the clear.
    certificates: Path | None = None

    def certificate(self, role: str) -> dict[str, str]:
        """What tells a process that it is ``role`` to the others."""
        if self.certificates is None:
            return {}
        own = self.certificates / role
        return {
            "PULSE_TLS_CERT_FILE": str(own / "tls.crt"),
            "PULSE_TLS_KEY_FILE": str(own / "tls.key"),
            "PULSE_TLS_CA_FILE": str(own / "ca.crt"),
        }

    def environment(self, role: str, own: Mapping[str, str]) -> dict[str, str]:
        """The whole environment of one role; ``own`` is what it alone is told."""
        generated = {**self._addresses(), **own}
        return {**self._providers(), **self.base, **generated, "PYTHONUNBUFFERED": "1", MARK: role}

    def overruled(self) -> list[str]:
        """Settings that somebody made and that a local run cannot follow, because it brings its own servers."""
        fixed = {k: v for k, v in self._addresses().items() if k.endswith(("_URL", "_ADDRESS"))}
        return sorted(key for key, value in fixed.items() if self.base.get(key, value) != value)

    def database_url(self, database: str = "pulse", address: str = "") -> str:
        """Where this run's PostgreSQL is, or what stands before it at ``address``, with its password."""
        place = address or self.ports.address("postgres")
        return f"postgresql://pulse:{self.home.secret('postgres')}@{place}/{database}"

    def redis_url(self, number: int, address: str = "") -> str:
        """Where database ``number`` of this run's Valkey is, or what stands before it, with its password."""
        return f"redis://:{self.home.secret('valkey')}@{address or self.ports.address('valkey')}/{number}"

    def public_url(self) -> str:
        """Where this machine's browser and the sandbox's callbacks reach the suite."""
        return f"http://{HOST}:{self.ports.http}"

    def _addresses(self) -> dict[str, str]:
        return {
            "PULSE_HOME": str(self.home.path),
            "PULSE_LISTEN": "",
            "PULSE_HTTP_PORT": str(self.ports.http),
            "PULSE_GRPC_PORT": str(self.ports.grpc),
            "PULSE_METRICS_PORT": str(self.ports.metrics),
            "PULSE_SANDBOX_PORT": str(self.ports.sandbox),
            "PULSE_GATEWAY_ADDRESS": self.ports.address("grpc"),
            "PULSE_ROUTER_ADDRESS": self.ports.address("router"),
            "PULSE_LEDGER_ADDRESS": self.ports.address("ledger"),
            "PULSE_DELIVERY_ADDRESS": self.ports.address("delivery"),
            "PULSE_DATABASE_URL": self.database_url(),
            "PULSE_REDIS_URL": self.redis_url(0),
            "PULSE_BROKER_URL": self.redis_url(1),
        }

    def _providers(self) -> dict[str, str]:
        from services.local import providers  # takes a while, and only who starts roles needs it

        # Left out rather than empty: a release that does not know a setting refuses to start with it.
        signed = {"PULSE_UNSUBSCRIBE_KEY": self.unsubscribe_key} if self.unsubscribe_key else {}
        return {"PULSE_PUBLIC_URL": self.public_url(), **signed, **providers.settings(self.base, self.ports)}
