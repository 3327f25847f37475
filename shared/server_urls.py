"""Addresses of servers as settings give them: checked at start, and what they say of TLS.

A certificate is verified, its names too, unless the address says otherwise by name. What is wrong is said in words that
hold nothing of the address but its scheme: there is a password in it.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode

DATABASE = ("postgresql", "postgres")
SENTINEL = ("redis+sentinel", "rediss+sentinel")
REDIS = ("redis", "rediss", *SENTINEL)
AMQP = ("amqp", "amqps")
BROKERS = (*REDIS, *AMQP)
#: RFC 3986, appendix B. The standard library's reader refuses several hosts where one is in brackets, in some versions.
_PARTS = re.compile(r"([^:/?#]+)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.S)
_TLS = ("rediss", "rediss+sentinel", "amqps")
#: Those that may name several hosts, by commas.
_SEVERAL = (*DATABASE, *SENTINEL, *AMQP)

#: What an address may say besides where the server is, and of whom; what PostgreSQL's may say is libpq's own.
_TLS_KEYS = ("ssl_cert_reqs", "ssl_check_hostname", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
#: What redis-py takes, and what each may be. For limits alone: of a broker's address kombu takes none of these.
_REDIS_KEYS = {
    "client_name": "[!-$&-~]+",
    "db": r"\d{1,4}",
    "health_check_interval": r"\d{1,6}",
    "max_connections": r"[1-9]\d{0,5}",
    "protocol": "[23]",
}
_SENTINEL_KEYS = ("sentinel_username", "sentinel_password")
_VERIFY = {"required": True, "optional": True, "cert_required": True, "cert_optional": True, "none": False}
_VERIFY |= {"cert_none": False}
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

_SENTINEL_PORT = 26379
_AMQP_PORTS = {"amqp": 5672, "amqps": 5671}

_ESCAPE = "; in a user's name or password, write other signs than letters and digits as %XX (an @ is %40)"


@dataclass(frozen=True, slots=True)
class Tls:
    """How a server's certificate is verified, and which one is shown to it; files are PEM, empty: none."""

    verify: bool = True
    names: bool = True
    authorities: str = ""  # besides the system's
    certificate: str = ""
    key: str = ""

    def unchecked(self) -> str:
        """What is not verified, in words; empty if everything is."""
        if not self.verify:
            return "any certificate is believed (ssl_cert_reqs=none)"
        return "" if self.names else "a certificate for any name is believed (ssl_check_hostname=false)"

    def unreadable(self) -> str:
        """The first of the files that this process cannot read; empty: none."""
        files = (self.authorities, self.certificate, self.key)
        return next((file for file in files if file and not os.access(file, os.R_OK)), "")

    def redis(self) -> dict[str, Any]:
        """As redis-py wants it, and kombu for Redis."""
        options = {
            "ssl_cert_reqs": ssl.CERT_REQUIRED if self.verify else ssl.CERT_NONE,
            "ssl_check_hostname": self.verify and self.names,
            "ssl_ca_certs": self.authorities,
            "ssl_certfile": self.certificate,
            "ssl_keyfile": self.key,
        }
        return {key: value for key, value in options.items() if value != ""}

    def amqp(self) -> dict[str, Any]:
        """As kombu wants it for RabbitMQ; a server_hostname of None stands for the one in the address."""
        options = {
            "cert_reqs": ssl.CERT_REQUIRED if self.verify else ssl.CERT_NONE,
            "ca_certs": self.authorities,
            "certfile": self.certificate,
            "keyfile": self.key,
        }
        named = {"server_hostname": None} if self.verify and self.names else {}
        return {key: value for key, value in options.items() if value != ""} | named


@dataclass(frozen=True, slots=True)
class Sentinels:
    """Who knows where the primary of a Redis or Valkey is at any time."""

    #: Hosts and ports.
    places: tuple[tuple[str, int], ...]
    #: What they call the primary.
    primary: str
    #: To be let in by them; empty: whoever asks is. What the primary asks for is in the address.
    username: str = ""
    password: str = ""

    def redis(self, seconds: float) -> dict[str, Any]:
        """How they are asked, as redis-py wants it; one that is silent for so long is passed over."""
        given = {"username": self.username, "password": self.password}
        bounds = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
        return {key: value for key, value in given.items() if value} | bounds


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """An address that can be used."""

    scheme: str
    #: The address without what it says of TLS and of Sentinels; with these, the host in it is none to connect to. Of
    #: several hosts of RabbitMQ one address each, by semicolons.
    plain: str
    #: None: in the clear.
    tls: Tls | None
    #: None: the host is the server itself.
    sentinels: Sentinels | None = None
    #: Whether RabbitMQ keeps each queue on several nodes.
    quorum: bool = False

    def tls_options(self) -> dict[str, Any]:
        """What this scheme's library is to be told; empty: in the clear."""
        if self.tls is None:
            return {}
        return self.tls.redis() if self.scheme in REDIS else self.tls.amqp()


def parse(url: str, schemes: tuple[str, ...]) -> ServerUrl:
    """Takes an address apart; ValueError with a sentence's rest if it cannot be one."""
    nodes = [_split(one, schemes) for one in re.split(";(?=amqps?://)", url)]
    parts = nodes[0]
    if parts.scheme in AMQP:
        return _rabbitmq(nodes)
    if len(nodes) > 1:
        raise ValueError("holds a ; and another address; only those of a RabbitMQ's nodes may stand together")
    if parts.scheme in DATABASE:
        return ServerUrl(parts.scheme, url, None)
    known = tuple(_REDIS_KEYS) if schemes == REDIS else ()
    if parts.scheme in SENTINEL:
        return _behind_sentinels(parts, known)
    if not re.fullmatch(r"/?\d{0,4}", parts.path):
        raise ValueError("after the port may stand the number of a database, such as /0, and nothing else")
    tls, given = _told(parts, known)
    return ServerUrl(parts.scheme, parts._replace(query=urlencode(given)).geturl(), tls)


def _rabbitmq(nodes: list[SplitResult]) -> ServerUrl:
    """The address of a RabbitMQ, or of several nodes of one: ``amqp://user:password@one:5672,two/vhost``.

    Or, as kombu writes it, whole addresses by semicolons, alike but for the host and the login.
    """
    parts = nodes[0]
    if any((node.scheme, node.path, node.query) != (parts.scheme, parts.path, parts.query) for node in nodes):
        raise ValueError("names several nodes that differ in more than host and login")
    tls, given = _told(parts, ("queue_type",))
    kind = given.get("queue_type", "classic")
    if kind not in ("classic", "quorum"):
        raise ValueError("queue_type must be classic or quorum")
    plain = ";".join(address for node in nodes for address in _one_each(node))
    return ServerUrl(parts.scheme, plain, tls, quorum=kind == "quorum")


def _one_each(node: SplitResult) -> Iterator[str]:
    """An address for each host; with its port, as kombu would take the one of the host before for it."""
    user, at, places = node.netloc.rpartition("@")
    for place in places.split(","):
        whole = place if re.search(r":\d+$", place) else f"{place.removesuffix(':')}:{_AMQP_PORTS[node.scheme]}"
        yield node._replace(netloc=f"{user}{at}{whole}", query="").geturl()


def _behind_sentinels(parts: SplitResult, known: tuple[str, ...]) -> ServerUrl:
    """The address of a primary that Sentinels know: ``redis+sentinel://user:password@one:26379,two:26379/name/0``."""
    path = re.fullmatch(r"/(?!\d*/?$)([\w.-]+)(/\d{0,4})?", parts.path, re.ASCII)
    if not path:
        raise ValueError("after the hosts must stand what their Sentinels call the primary, such as /mymaster/0")
    tls, given = _told(parts, (*known, *_SENTINEL_KEYS))
    name, password = (given.pop(key, "") for key in _SENTINEL_KEYS)
    if name and not password:
        raise ValueError("sentinel_username needs sentinel_password")
    user, at, places = parts.netloc.rpartition("@")
    several = tuple(_place(place) for place in places.split(","))
    plain = parts._replace(
        scheme=parts.scheme.removesuffix("+sentinel"),
        netloc=f"{user}{at}{places.split(',')[0]}",
        path=path[2] or "",
        query=urlencode(given),
    )
    return ServerUrl(parts.scheme, plain.geturl(), tls, Sentinels(several, path[1], name, password))


def _place(place: str) -> tuple[str, int]:
    """Host and port, of a Sentinel if none is given."""
    host, _, port = place.rpartition(":") if re.search(r":\d*$", place) else (place, "", "")
    return host.strip("[]"), int(port or _SENTINEL_PORT)


def _told(parts: SplitResult, known: tuple[str, ...]) -> tuple[Tls | None, dict[str, str]]:
    """What an address says after its ``?``: of TLS, and else."""
    given = _pairs(parts.query)
    told = {key: given.pop(key) for key in _TLS_KEYS if key in given}
    if not set(given) <= set(known):
        # Which one is not said: it may be what follows a & or a ? in a password.
        listed = ", ".join((*_TLS_KEYS, *known))
        raise ValueError(f"says something after the ? that is not known; there are {listed}{_ESCAPE}")
    if told and parts.scheme not in _TLS:
        raise ValueError(f"{next(iter(told))} says how TLS is done, which {parts.scheme}:// does not do")
    for key, may_be in _REDIS_KEYS.items():
        if key in given and not re.fullmatch(may_be, given[key], re.ASCII):
            raise ValueError(f"says a {key} that cannot be one")
    return (_tls(told) if parts.scheme in _TLS else None), given


def _split(url: str, schemes: tuple[str, ...]) -> SplitResult:
    listed = " or ".join(f"{scheme}://" for scheme in schemes)
    if not url.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        raise ValueError(f"must begin with {listed}")
    whole = _PARTS.fullmatch(url)
    if whole is None or whole[2].count("[") != whole[2].count("]"):
        raise ValueError(f"cannot be read{_ESCAPE}")
    parts = SplitResult(*(part or "" for part in whole.groups()))
    if parts.fragment or url.endswith("#") or re.search(r"\s|[\x00-\x1f\x7f]", url):
        raise ValueError(f"holds a # or a blank{_ESCAPE}")
    user, at, places = parts.netloc.rpartition("@")
    # An @ later than it should be: what stands before it may be the rest of a password.
    late = "@" in parts.path + parts.query
    if at and ("@" in user or re.search("%(?![0-9A-Fa-f]{2})", user)):
        raise ValueError(f"cannot be read{_ESCAPE}")
    if "@" in parts.path and parts.scheme not in DATABASE:
        raise ValueError(f"cannot be read{_ESCAPE}")
    for place in places.split(",") if parts.scheme in _SEVERAL else [places]:
        if not place and parts.scheme not in DATABASE:
            raise ValueError("names no host")
        _check_place(place, shown=not late)
        if several := re.search("[,;]", place):
            way = "are separated by commas" if parts.scheme in _SEVERAL else f"{parts.scheme}:// does not take"
            raise ValueError(f"holds a {several[0]}; several hosts {way}")
    # kombu takes any semicolon for the beginning of another address.
    return parts._replace(netloc=f"{user.replace(';', '%3B')}{at}{places}", path=parts.path.replace(";", "%3B"))


def _check_place(place: str, *, shown: bool) -> None:
    host, colon, port = place.rpartition(":") if re.search(r":[^\]]*$", place) else (place, "", "")
    if colon and not host:
        raise ValueError(f"names no host{_ESCAPE}")
    if port and not port.isdecimal():
        raise ValueError(f"has a port that is no number{_ESCAPE}")
    if port and not 0 < int(port) < 65_536:
        which = f"the port {int(port)}" if shown else "a port that is none"
        raise ValueError(f"has {which}, and ports go from 1 to 65535{'' if shown else _ESCAPE}")


def _pairs(query: str) -> dict[str, str]:
    pairs = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("says the same thing twice after the ?")
    return found


def _tls(told: dict[str, str]) -> Tls:
    verify = told.get("ssl_cert_reqs", "required").lower()
    names = told.get("ssl_check_hostname", "true").lower()
    if verify not in _VERIFY:
        raise ValueError("ssl_cert_reqs must be required or none")
    if names not in _FLAGS:
        raise ValueError("ssl_check_hostname must be true or false")
    if bool(told.get("ssl_keyfile")) and not told.get("ssl_certfile"):
        raise ValueError("ssl_keyfile needs ssl_certfile")
    return Tls(
        _VERIFY[verify],
        _FLAGS[names],
        told.get("ssl_ca_certs", ""),
        told.get("ssl_certfile", ""),
        told.get("ssl_keyfile", ""),
    )
