"""A load as a ghz configuration describes it, made by Locust, and a report as ghz would write it.

Usage: locust -f proof/load/ghz_locustfile.py --headless --ghz-config proof/load/ghz.json [--host 127.0.0.1:50051]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import gevent
import grpc
import locust_plugins  # noqa: F401 -- brings the checks that decide on the exit status
from locust import LoadTestShape, User, constant, events, task
from locust.argument_parser import LocustArgumentParser
from locust.exception import StopUser

from proof.load.ghz import schedule
from proof.load.ghz.config import load
from proof.load.ghz.values import BadConfig
from proof.load.ghz_run import Run
from proof.load.grpc_user import cooperate

#: Workers started in a second; Locust advises against more.
SPAWN_RATE = 100


@events.init_command_line_parser.add_listener
def add_arguments(parser: LocustArgumentParser) -> None:
    parser.add_argument("--ghz-config", type=Path, required=True, help="a ghz configuration, .json or .toml")
    parser.add_argument("--ghz-report", type=Path, help="file for the report; else the configuration's output")


@events.init.add_listener
def prepare(environment: Any, **_: Any) -> None:
    """Reads the configuration and connects; a mistake ends the process with a sentence and status 2."""
    cooperate()
    options = environment.parsed_options

    def told(milliseconds: float, size: int, failure: grpc.RpcError | None) -> None:
        environment.events.request.fire(
            request_type="grpc",
            name=run.method.name,
            response_time=milliseconds,
            response_length=size,
            exception=failure,
            context={},
        )

    try:
        run = Run(load(options.ghz_config, options.host or ""), told)
        run.start()
    except BadConfig as error:
        sys.stderr.write(f"{options.ghz_config}: {error}\n")
        sys.exit(2)
    environment.ghz = run
    environment.stop_timeout = run.config.timeout or None


@events.quitting.add_listener
def write_report(environment: Any, **_: Any) -> None:
    """Into the file that was named, if any."""
    run: Run = environment.ghz
    if not run.ended:
        run.stop("cancel")
    run.close()
    file = environment.parsed_options.ghz_report or run.config.output
    if file:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(json.dumps(run.report(), indent=1) + "\n")


class Worker(User):
    """One of ghz's workers: a call after the other, each when it is due."""

    wait_time = constant(0)

    @task
    def work(self) -> None:
        run: Run = vars(self.environment)["ghz"]
        call = run.next(f"g0c{id(self)}")
        if call is None:
            raise StopUser
        if run.config.is_async:
            gevent.spawn(run.make, call)
        else:
            run.make(call)


class Shape(LoadTestShape):
    """As many workers as the configuration's schedule has at the time."""

    def tick(self) -> tuple[int, float] | None:
        assert self.runner is not None
        run: Run = vars(self.runner.environment)["ghz"]
        if run.ended:
            return None
        return max(1, schedule.workers(run.config, run.elapsed)), SPAWN_RATE
