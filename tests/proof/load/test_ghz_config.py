"""A ghz configuration is read as ghz reads it, and what cannot be honoured is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proof.load.ghz import durations
from proof.load.ghz.config import Config, Schedule, load, parse
from proof.load.ghz.contract import method
from proof.load.ghz.values import BadConfig
from services.local.home import checkout

LEAST = {"call": "pulse.gateway.v1.NotificationService.SendNotification", "host": "127.0.0.1:1", "insecure": True}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("1m30s", 90), ("250ms", 0.25), ("1.5h", 5400), (".5s", 0.5), ("10us", 1e-5), ("3ns", 3e-9)],
)
def test_durations_are_go_s(text: str, seconds: float) -> None:
    assert durations.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "-1s", "1 s", "s", "1d"])
def test_other_texts_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        durations.seconds(text)


def test_what_is_left_out_is_as_ghz_has_it() -> None:
    config = parse(LEAST)
    assert (config.total, config.concurrency, config.connections, config.timeout) == (200, 50, 1, 20.0)
    assert (config.connect_timeout, config.duration_stop, config.format, config.rps) == (10.0, "close", "summary", 0)


def test_toml_says_the_same_as_json(tmp_path: Path) -> None:
    given = LEAST | {"rps": 5, "duration": "2s", "data": {"user_id": "a"}, "tags": {"a": "b"}}
    (tmp_path / "c.json").write_text(json.dumps(given))
    (tmp_path / "c.toml").write_text(
        "\n".join(f"{key} = {json.dumps(value)}" for key, value in given.items() if not isinstance(value, dict))
        + '\n[data]\nuser_id = "a"\n[tags]\na = "b"\n'
    )
    assert load(tmp_path / "c.json") == load(tmp_path / "c.toml")


def test_a_host_given_beside_the_file_wins(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(LEAST))
    assert load(tmp_path / "c.json", "10.0.0.1:5").host == "10.0.0.1:5"


def test_data_and_metadata_may_stand_in_files(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text('[{"user_id": "a"}, {"user_id": "b"}]')
    (tmp_path / "metadata.json").write_text('{"x-api-key": "k"}')
    config = parse(LEAST | {"data-file": str(tmp_path / "data.json"), "metadata-file": str(tmp_path / "metadata.json")})
    assert config.data == ({"user_id": "a"}, {"user_id": "b"})
    assert config.metadata == {"x-api-key": "k"}


def test_schedules_are_read_with_their_five_keys() -> None:
    steps = {"load-schedule": "step", "load-start": 10, "load-step": 5, "load-step-duration": "2s", "load-end": 50}
    assert parse(LEAST | steps).load == Schedule("step", 10, 50, 5, 2.0, 0.0)
    line = {"concurrency-schedule": "line", "concurrency-step": 2, "concurrency-max-duration": "10s"}
    assert parse(LEAST | line).concurrency_schedule == Schedule("line", 1, 0, 2, 1.0, 10.0)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"cpus": 2}, "cpus is no key"),
        ({"concurency": 2}, "did you mean concurrency"),
        ({"skipTLS": True}, "skipTLS"),
        ({"total": "5"}, "total must be a whole number"),
        ({"total": 0}, "total, concurrency and connections"),
        ({"rps": -1}, "rps must not be negative"),
        ({"connections": 60}, "connections must not be above"),
        ({"timeout": 5}, "timeout must be text"),
        ({"duration": "5"}, "duration: '5' is no duration"),
        ({"duration-stop": "now"}, "duration-stop must be one of close, wait, ignore"),
        ({"format": "html"}, "format must be one of"),
        ({"output": "r.json"}, "format: only json and pretty"),
        ({"data": []}, "data must be an object"),
        ({"data": ["a"]}, "data must be an object"),
        ({"data-file": "/nowhere"}, "data-file cannot be read"),
        ({"metadata": {"a": 1}}, "metadata must be an object of texts"),
        ({"load-schedule": "sine"}, "load-schedule must be one of const, step, line"),
        ({"load-schedule": "line"}, "load-start must not be 0"),
        ({"load-schedule": "step", "load-start": 1, "load-step": 1}, "load-step-duration must not be 0"),
        ({"call": ""}, "call is missing"),
        ({"async": 1}, "async must be true or false"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadConfig, match=complaint):
        parse(LEAST | given)


@pytest.mark.parametrize("call", ["pulse.gateway.v1.NotificationService/SendNotification", LEAST["call"]])
def test_the_method_is_found_in_the_contract_by_either_spelling(call: str) -> None:
    found = method(parse(LEAST | {"call": call}))
    assert found.path == "/pulse.gateway.v1.NotificationService/SendNotification"


def test_a_method_can_come_from_a_proto_file(tmp_path: Path) -> None:
    proto = tmp_path / "hello.proto"
    proto.write_text(
        'syntax = "proto3"; package hello; message Hello {string name = 1;}'
        "service Greeter {rpc Hi(Hello) returns (Hello);}"
    )
    assert method(parse(LEAST | {"call": "hello.Greeter.Hi", "proto": str(proto)})).request.DESCRIPTOR.name == "Hello"


@pytest.mark.parametrize("name", ["Nothing", "WatchNotification"])
def test_a_method_that_is_missing_or_streams_is_refused(name: str) -> None:
    with pytest.raises(BadConfig, match=f"call: .*{name}"):
        method(parse(LEAST | {"call": f"pulse.gateway.v1.NotificationService.{name}"}))


def test_the_committed_configuration_can_be_run() -> None:
    config: Config = load(checkout() / "proof" / "load" / "ghz.json")
    assert method(config).name == config.call
