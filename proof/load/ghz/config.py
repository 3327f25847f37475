"""A ghz configuration: read from JSON or TOML and checked; a key that cannot be honoured is refused by name."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proof.load.ghz import values
from proof.load.ghz.values import BadConfig

SCHEDULES = ("const", "step", "line")
STOPS = ("close", "wait", "ignore")
FORMATS = ("summary", "json", "pretty")
BALANCING = ("", "pick_first", "round_robin")


@dataclass(frozen=True)
class Schedule:
    """From ``start`` by ``step`` every ``step_duration`` s, until ``end`` is reached or ``max_duration`` s are over."""

    kind: str = "const"
    start: int = 0
    end: int = 0
    step: int = 0
    step_duration: float = 0.0
    max_duration: float = 0.0


@dataclass(frozen=True)
class Config:
    """Times in seconds; ``duration`` and ``max_duration`` 0: none. Names and defaults are ghz's."""

    call: str
    host: str
    proto: str = ""
    protoset: str = ""
    import_paths: tuple[str, ...] = ()
    cacert: str = ""
    cert: str = ""
    key: str = ""
    cname: str = ""
    insecure: bool = False
    authority: str = ""
    lb_strategy: str = ""
    total: int = 200
    concurrency: int = 50
    connections: int = 1
    is_async: bool = False
    rps: int = 0
    load: Schedule = Schedule()
    concurrency_schedule: Schedule = Schedule(start=1)
    duration: float = 0.0
    duration_stop: str = "close"
    max_duration: float = 0.0
    timeout: float = 20.0
    connect_timeout: float = 10.0
    keepalive: float = 0.0
    data: tuple[Mapping[str, Any], ...] = ({},)
    metadata: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    output: str = ""
    format: str = "summary"
    skip_first: int = 0
    count_errors: bool = False


#: Reads a value, given its key for the complaint.
Reader = Callable[[str, Any], Any]

#: Keys that fill a field of :class:`Config` each, and how.
SINGLE: Mapping[str, tuple[str, Reader]] = {
    **{name: (name, values.text) for name in ("call", "host", "proto", "protoset", "cacert", "cert", "key", "cname")},
    **{name: (name, values.text) for name in ("authority", "name", "output")},
    **{name: (name, values.count) for name in ("total", "concurrency", "connections", "rps")},
    **{name: (name.replace("-", "_"), values.duration) for name in ("duration", "max-duration", "timeout")},
    **{name: (name.replace("-", "_"), values.duration) for name in ("connect-timeout", "keepalive")},
    "import-paths": ("import_paths", values.paths),
    "insecure": ("insecure", values.flag),
    "lb-strategy": ("lb_strategy", values.one_of(*BALANCING)),
    "async": ("is_async", values.flag),
    "duration-stop": ("duration_stop", values.one_of(*STOPS)),
    "tags": ("tags", values.texts),
    "format": ("format", values.one_of(*FORMATS)),
    "skipFirst": ("skip_first", values.count),
    "count-errors": ("count_errors", values.flag),
}
#: Keys that are read together with others.
TOGETHER = (
    "skipTLS",
    *("data", "data-file", "metadata", "metadata-file"),
    *(
        f"{of}-{part}"
        for of in ("load", "concurrency")
        for part in ("schedule", "start", "end", "step", "step-duration", "max-duration")
    ),
)
KEYS = (*SINGLE, *TOGETHER)


def load(path: Path, host: str = "") -> Config:
    """Reads a file whose name ends in .json or .toml; ``host`` replaces the file's. Raises :class:`BadConfig`.

    Files that it names are looked for from the folder one stands in, as ghz does.
    """
    try:
        text = path.read_text()
        given = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise BadConfig(f"{path.name} cannot be read: {error}") from None
    if not isinstance(given, dict):
        raise BadConfig(f"{path.name} must hold an object")
    return parse(given | ({"host": host} if host else {}))


def parse(given: Mapping[str, Any]) -> Config:
    """Checks what was read; raises :class:`BadConfig`."""
    for key in given:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise BadConfig(f"{key} is no key that can be honoured here{hint}")
    if given.get("skipTLS"):
        raise BadConfig("skipTLS: gRPC for Python verifies certificates always; give cacert and cname instead")
    fields = {SINGLE[key][0]: SINGLE[key][1](key, value) for key, value in given.items() if key in SINGLE}
    fields |= _files(given)
    fields["load"] = _schedule(given, "load")
    fields["concurrency_schedule"] = _schedule(given, "concurrency")
    for needed in ("call", "host"):
        if not fields.get(needed):
            raise BadConfig(f"{needed} is missing")
    config = Config(**fields)
    if not config.insecure and not config.cacert and (config.cert or config.key):
        raise BadConfig("cacert is missing beside cert and key")
    if config.output and config.format == "summary":
        raise BadConfig("format: only json and pretty can be written to output")
    if config.total < 1 or config.concurrency < 1 or config.connections < 1:
        raise BadConfig("total, concurrency and connections must be at least 1")
    if config.connections > config.concurrency:
        raise BadConfig("connections must not be above concurrency")
    return config


def _files(given: Mapping[str, Any]) -> dict[str, Any]:
    """Data and metadata, from their files if the configuration itself has none."""
    found: dict[str, Any] = {}
    for key, read in (("data", values.data), ("metadata", values.texts)):
        value, file = given.get(key), given.get(f"{key}-file")
        if value is None and file:
            try:
                value = json.loads(Path(values.text(f"{key}-file", file)).read_text())
            except (OSError, ValueError) as error:
                raise BadConfig(f"{key}-file cannot be read: {error}") from None
        if value is not None:
            found[key] = read(key, value)
    return found


def _schedule(given: Mapping[str, Any], of: str) -> Schedule:
    kind = values.one_of(*SCHEDULES)(f"{of}-schedule", given.get(f"{of}-schedule", "const"))
    start = values.count(f"{of}-start", given.get(f"{of}-start", 1 if of == "concurrency" else 0))
    step = values.whole(f"{of}-step", given.get(f"{of}-step", 0))
    every = values.duration(f"{of}-step-duration", given.get(f"{of}-step-duration", "0"))
    if kind != "const":
        for key, value in ((f"{of}-start", start), (f"{of}-step", step)):
            if not value:
                raise BadConfig(f"{key} must not be 0 with {of}-schedule {kind}")
    if kind == "step" and not every:
        raise BadConfig(f"{of}-step-duration must not be 0 with {of}-schedule step")
    return Schedule(
        kind,
        start,
        values.count(f"{of}-end", given.get(f"{of}-end", 0)),
        step,
        1.0 if kind == "line" else every,  # ghz moves once a second along a line
        values.duration(f"{of}-max-duration", given.get(f"{of}-max-duration", "0")),
    )
