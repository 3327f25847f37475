"""Settings from the environment: the one place where ``os.environ`` is read.

Every process has one frozen subclass of :class:`Settings`. A key is the field's name in upper case
behind ``PULSE_``. A key nobody knows, or a value that cannot be right, stops the process at start
with a sentence that names it, before anything is half-running.
"""

from __future__ import annotations

import difflib
import functools
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, create_model, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import server_urls
from shared.net.public_addresses import networks
from shared.rpc.tls_files import TlsFiles
from shared.server_urls import ServerUrl
from shared.signing import KeyRing

PREFIX = "PULSE_"
#: Most processes of one role on one machine.
MOST_PROCESSES = 64
#: The folder that has the services in it.
ROOT = Path(__file__).resolve().parents[1]

#: Keys that begin so belong to one role; the others ignore them, so that one environment serves all roles. A provider's
#: keys begin with its folder's name, and belong to the role that has providers: see :func:`provider_prefixes`.
ROLE_PREFIXES = (
    "API_",
    "CLI_",
    "GATEWAY_",
    "ROUTER_",
    "LEDGER_",
    "DELIVERY_",
    "WORKER_",
    "PUBLIC_",
    "CORS_",
    "SANDBOX_",
    "CONSOLE_",
    "LOCAL_",
    "TEST_",
)


@functools.cache
def provider_prefixes() -> tuple[str, ...]:
    """How the keys of providers begin: each provider is a folder, and no list of their names stands here."""
    folders = {init.parent.name for init in ROOT.glob("services/*/providers/*/__init__.py")}
    return tuple(f"{name.upper()}_" for name in sorted(folders))


_ROLES = ("gateway", "router", "ledger", "delivery")
_SERVERS = {
    "database_url": server_urls.DATABASE,
    "redis_url": server_urls.REDIS,
    "broker_url": server_urls.BROKERS,
}


class StartError(Exception):
    """A process cannot start; the text is one sentence that says why and what to change, without any secret."""


class ConfigError(StartError):
    """The environment cannot be used; the text says which key, why, and what would do."""


def _processes(role: str) -> Any:
    """How many processes a role has; its callers read it too, as they have to reach all of them."""
    return Field(
        1,
        ge=1,
        le=MOST_PROCESSES,
        description=f"processes of a {role} that share its port; every other bound of a {role} is for each of them",
    )


class Settings(BaseSettings):
    """Keys that every role knows. A role adds its own in ``services/<role>/config.py``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    #: Prefixes out of ``ROLE_PREFIXES`` whose keys this role owns, and so checks for typing errors.
    owns: ClassVar[tuple[str, ...]] = ()
    #: Whether it owns those of providers too.
    has_providers: ClassVar[bool] = False

    env: str = Field("development", pattern="^(development|production)$", description="development or production")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="least severe level logged")
    log_level_file: str = Field(
        "", description="a file with a level's name, which counts instead of PULSE_LOG_LEVEL from the moment it says so"
    )
    auth: str = Field("off", pattern="^(off|required)$", description="'required' refuses calls without an API key")
    open_hosts: str = Field(
        "localhost,127.0.0.1,::1",
        description="while PULSE_AUTH is off: host names under which HTTP is answered, by commas, so that no web page "
        "can make use of its reader's Pulse; *: any",
    )
    home: str = Field(".pulse", description="folder of a local run: data/, log/ and run/")
    listen: str = Field("", description="host:port this role serves gRPC on; empty: the role's own default")
    gateway_address: str = Field("127.0.0.1:50051", description="host:port of the gateway's gRPC")
    router_address: str = Field("127.0.0.1:50052", description="host:port of the router's gRPC")
    ledger_address: str = Field("127.0.0.1:50053", description="host:port of the ledger's gRPC")
    delivery_address: str = Field("127.0.0.1:50054", description="host:port of the delivery service's gRPC")
    gateway_processes: int = _processes("gateway")
    router_processes: int = _processes("router")
    ledger_processes: int = _processes("ledger")
    delivery_processes: int = _processes("delivery service")
    database_url: SecretStr = Field(
        SecretStr("postgresql://pulse@127.0.0.1:5432/pulse"), description="PostgreSQL, read by the ledger alone"
    )
    redis_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        description="Redis or Valkey for rate limits; rediss:// is TLS, redis+sentinel:// asks Sentinels where it is",
    )
    broker_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/1"),
        description="Celery's broker: redis://, redis+sentinel:// or amqp://, by TLS rediss://, rediss+sentinel:// or amqps://",
    )
    tls_cert_file: str = Field(
        "",
        description="this role's certificate, PEM, which names it <role>.pulse.internal; with its key and the "
        "authorities, roles call each other by mutual TLS",
    )
    tls_key_file: str = Field("", description="the certificate's key, PEM")
    tls_ca_file: str = Field("", description="the authorities that other roles' certificates must come from, PEM")
    cleartext: str = Field(
        "refused",
        pattern="^(refused|allowed)$",
        description="'allowed': in production too, ledger, router and delivery serve without certificates, as where a "
        "mesh encrypts",
    )
    health_listen: str = Field(
        "", description="host:port of a second, plain listener for health checks alone, which show no certificate"
    )
    event_networks: str = Field(
        "",
        description="networks besides the public internet that subscriptions to events may lead to, 10.1.0.0/16 say, "
        "by commas; the gateway and the delivery service go by it",
    )
    unsubscribe_key: SecretStr = Field(
        SecretStr(""),
        description="signs links to unsubscribe and to files; several, by commas: the first signs; empty: no links",
    )
    otlp_endpoint: str = Field("", description="OTLP/gRPC collector; empty: no traces leave the process")
    http_port: int = Field(8000, ge=0, le=65535, description="REST, /docs and /console on a laptop; 0: any free port")
    grpc_port: int = Field(50051, ge=0, le=65535, description="the gateway's gRPC on a laptop; 0: any free port")
    metrics_port: int = Field(8001, ge=0, le=65535, description="Prometheus metrics; 0: any free port")
    drain_seconds: float = Field(10.0, gt=0, le=300, description="longest wait for calls in flight at shutdown, s")
    leave_seconds: float = Field(
        0.0,
        ge=0,
        le=60,
        description="how long the gateway and delivery go on at shutdown, while their health says that they leave, s",
    )

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        given = [bool(file) for file in (self.tls_cert_file, self.tls_key_file, self.tls_ca_file)]
        if any(given) and not all(given):
            raise ValueError("PULSE_TLS_CERT_FILE, PULSE_TLS_KEY_FILE and PULSE_TLS_CA_FILE are needed together")
        return self

    @model_validator(mode="after")
    def _servers_can_be_addressed(self) -> Self:
        for key, schemes in _SERVERS.items():
            try:
                server_urls.parse(getattr(self, key).get_secret_value(), schemes)
            except ValueError as error:
                raise ValueError(f"{PREFIX}{key.upper()} {error}") from None
        return self

    @model_validator(mode="after")
    def _ports_are_ports(self) -> Self:
        """gRPC would take 99999 for 34463 and say nothing."""
        for key in ("listen", "health_listen", *(f"{role}_address" for role in _ROLES)):
            port = re.search(r":(\d+)$", getattr(self, key))
            if port and int(port[1]) > 65_535:
                raise ValueError(f"{PREFIX}{key.upper()} has the port {port[1]}, and ports go to 65535")
        return self

    @model_validator(mode="after")
    def _unsubscribe_keys_are_long_enough(self) -> Self:
        try:
            KeyRing.parse(self.unsubscribe_key.get_secret_value())
        except ValueError as error:
            raise ValueError(f"PULSE_UNSUBSCRIBE_KEY: {error}") from None
        return self

    @model_validator(mode="after")
    def _networks_are_networks(self) -> Self:
        try:
            networks(self.event_networks)
        except ValueError as error:
            raise ValueError(f"PULSE_EVENT_NETWORKS: {error}") from None
        return self

    @property
    def tls(self) -> TlsFiles | None:
        """This role's certificate; None: calls between roles are in the clear."""
        return TlsFiles(self.tls_cert_file, self.tls_key_file, self.tls_ca_file) if self.tls_cert_file else None

    def server(self, key: str) -> ServerUrl:
        """The address that ``redis_url`` or ``broker_url`` gives.

        Raises :class:`ConfigError` if a file that it names cannot be read: who does not use it need not have the file.
        """
        found = server_urls.parse(getattr(self, key).get_secret_value(), _SERVERS[key])
        if found.tls and (file := found.tls.unreadable()):
            raise ConfigError(f"{PREFIX}{key.upper()} names {file}, which cannot be read")
        return found

    def risks(self) -> list[str]:
        """What these settings leave unprotected, a sentence each."""
        tls = {key: server_urls.parse(getattr(self, key).get_secret_value(), _SERVERS[key]).tls for key in _SERVERS}
        return [f"{PREFIX}{key.upper()}: {risk}" for key, one in tls.items() if one and (risk := one.unchecked())]

    def refuse_cleartext(self) -> None:
        """Raises :class:`ConfigError` for a service behind the gateway that would serve without certificates."""
        if self.env == "production" and self.tls is None and self.cleartext == "refused":
            raise ConfigError(
                "in production this role does not serve without certificates: set PULSE_TLS_CERT_FILE, "
                "PULSE_TLS_KEY_FILE and PULSE_TLS_CA_FILE, or PULSE_CLEARTEXT=allowed where something else encrypts"
            )

    @classmethod
    def load(cls, environ: dict[str, str] | None = None) -> Self:
        """Reads and checks the environment (``environ`` replaces it in tests); raises :class:`ConfigError`."""
        env = dict(os.environ if environ is None else environ)
        unknown = cls._unknown_keys(env)
        if unknown:
            raise ConfigError("; ".join(unknown))
        try:
            if environ is None:
                return cls()
            given: dict[str, Any] = {n: env[key] for n in cls.model_fields if (key := PREFIX + n.upper()) in env}
            return cls(**{name: value for name, value in given.items() if value != ""})
        except ValidationError as error:
            raise ConfigError("; ".join(cls._sentence(problem) for problem in error.errors())) from None

    @classmethod
    def load_or_exit(cls, *, behind_gateway: bool = False) -> Self:
        """As :meth:`load`, but a mistake ends the process with status 2 and the sentence on standard error.

        ``behind_gateway``: for a service that only Pulse's own roles call, and that must not be called in the clear.
        """
        try:
            settings = cls.load()
            if behind_gateway:
                settings.refuse_cleartext()
            return settings
        except ConfigError as error:
            _exit(str(error))

    @classmethod
    def _unknown_keys(cls, env: dict[str, str]) -> list[str]:
        known = {PREFIX + name.upper() for name in cls.model_fields}
        others = () if cls.has_providers else provider_prefixes()
        foreign = tuple(PREFIX + p for p in (*ROLE_PREFIXES, *others) if p not in cls.owns)
        sentences = []
        for key in sorted(env):
            if not key.startswith(PREFIX) or key in known or key.startswith(foreign):
                continue
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            sentences.append(f"{key} is not a setting of Pulse{hint}")
        return sentences

    @classmethod
    def _sentence(cls, problem: Any) -> str:
        said = str(problem["msg"]).removeprefix("Value error, ")
        if not problem["loc"]:
            return said
        name = str(problem["loc"][0])
        field = cls.model_fields.get(name)
        secret = field is not None and field.annotation is SecretStr
        given = "" if secret else f"={problem.get('input')!r}"
        return f"{PREFIX}{name.upper()}{given}: {said}"

    def redacted(self) -> dict[str, Any]:
        """All values, for the log at start: secrets show as ``**********``."""
        return {
            name: str(value) if isinstance(value, SecretStr) else value
            for name, value in ((name, getattr(self, name)) for name in sorted(type(self).model_fields))
        }


SomeSettings = TypeVar("SomeSettings", bound=Settings)


def joined(name: str, base: type[SomeSettings], parts: Iterable[type[SomeSettings]]) -> type[SomeSettings]:
    """One class, called ``name``, that has the fields and checks of all ``parts``, which are ``base`` or made from it.

    Raises TypeError if two of them call something alike: of the two, only one would count.
    """
    own = [part for part in dict.fromkeys(parts) if part is not base]
    owners: dict[str, type] = {}
    for one in dict.fromkeys(ancestor for part in own for ancestor in part.__mro__ if issubclass(ancestor, base)):
        for said in () if one is base else _said_by(one):
            if owners.setdefault(said, one) is not one:
                raise TypeError(f"{owners[said].__name__} and {one.__name__} both have {said}")
    return create_model(name, __base__=(*own, base))


def _said_by(settings: type) -> set[str]:
    """The names of its own fields, checks and methods."""
    own = {*vars(settings), *vars(settings).get("__annotations__", {})}
    return {name for name in own if not name.startswith(("__", "_abc_", "model_"))}


def check_has_host(field: str, url: str) -> None:
    """Raises ValueError for an address that leads nowhere; empty text is none."""
    if url and not urlsplit(url).hostname:
        raise ValueError(f"{PREFIX}{field.upper()} must be an address such as https://host")


def base_environment() -> dict[str, str]:
    """The process's environment, to start child processes with; nothing else may read it."""
    return dict(os.environ)


def proxy_environment() -> dict[str, str]:
    """What the environment says of proxies, by names in lower case; of two spellings the lower one counts."""
    names = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    spelt = {name: next((one for one in (name, name.upper()) if one in os.environ), "") for name in names}
    return {name: os.environ[one] for name, one in spelt.items() if one}


def _exit(sentence: str) -> NoReturn:
    sys.stderr.write(f"configuration: {sentence}\n")
    raise SystemExit(2)
