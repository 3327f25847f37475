"""What crosses the broker: ids, and nothing that is not one."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from shared.broker import DELIVER_TASK, QUEUES, celery_app, decode_refs, encode_refs

REF = ("default", "0190b6a0-0000-7000-8000-000000000000")


def test_ids_survive_the_broker() -> None:
    assert decode_refs(encode_refs([REF, ("acme", REF[1])])) == [REF, ("acme", REF[1])]


@pytest.mark.parametrize(
    "body",
    [
        *(
            None,
            "x",
            5,
            {},
            [["default"]],
            [["default", "no-uuid"]],
            [["", REF[1]]],
            [[1, REF[1]]],
            [[*REF, "x"]],
            ["ab"],
        ),
        *([["default", form]] for form in (f"{{{REF[1]}}}", f"urn:uuid:{REF[1]}", REF[1].replace("-", ""))),
    ],
)
def test_what_is_no_id_is_left_out(body: Any) -> None:
    assert decode_refs(body) == []


def test_an_id_in_capitals_is_the_same_id() -> None:
    assert decode_refs([["acme", REF[1].upper()]]) == [("acme", REF[1])]


def test_the_agreement_between_versions_is_frozen() -> None:
    assert DELIVER_TASK == "pulse.deliver"
    assert QUEUES == {"HIGH": "high_priority", "LOW": "low_priority"}


def test_celery_takes_json_only_keeps_no_results_and_never_retries_by_itself() -> None:
    conf = celery_app("redis://127.0.0.1:1/0").conf
    assert conf.accept_content == ["json"]
    assert conf.task_serializer == "json"
    assert conf.result_backend is None
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost


CLUSTER = "amqp://u:p@a,b:5673/v?queue_type=quorum"


def test_queues_are_on_several_nodes_of_a_rabbitmq_if_its_address_says_so() -> None:
    assert [queue.queue_arguments for queue in celery_app(CLUSTER).conf.task_queues] == [{"x-queue-type": "quorum"}] * 2
    for plain in ("amqp://a/v", "amqp://a,b/v?queue_type=classic", "redis://a/1"):
        assert [queue.queue_arguments for queue in celery_app(plain).conf.task_queues] == [None] * 2


def test_what_rabbitmq_is_given_is_confirmed_and_a_silent_node_is_not_waited_for() -> None:
    app = celery_app(CLUSTER)
    assert app.connection_for_write().alt == ["amqp://u:p@a:5672/v", "amqp://u:p@b:5673/v"]
    options = app.conf.broker_transport_options
    assert options["confirm_publish"] and 0 < options["read_timeout"] <= 5 and 0 < options["write_timeout"] <= 5
    assert 0 < app.conf.broker_heartbeat <= 10
    assert "confirm_publish" not in celery_app("redis://a/1").conf.broker_transport_options


@pytest.mark.parametrize(
    ("url", "places"),
    [
        ("amqp://u:p@a:5673,b,[::1]/v", [("a", 5673), ("b", 5672), ("::1", 5672)]),
        ("amqp://u:p@a,b:5673,c/v", [("a", 5672), ("b", 5673), ("c", 5672)]),
        ("amqps://u:p@a:5673,b/v", [("a", 5673), ("b", 5671)]),
        ("amqp://u:p@a:5673/v;amqp://u:p@b/v", [("a", 5673), ("b", 5672)]),
    ],
)
def test_kombu_goes_to_every_node_by_its_own_port(url: str, places: list[tuple[str, int]]) -> None:
    connection = celery_app(url).connection_for_write()
    for place in (*places, places[0]):
        assert (connection.hostname, connection.port, connection.virtual_host) == (*place, "v")
        connection.maybe_switch_next()


@pytest.mark.parametrize("secret", ["a;b", ";", "a;amqp:b", "x;;y%3Bz", "a;b,c+d"])
@pytest.mark.parametrize("rest", ["redis://u:{}@h:1/2", "rediss://u:{}@h:1", "amqp://u:{}@h/v", "amqps://u:{}@h:1,i/v"])
def test_a_semicolon_in_a_password_is_part_of_it(rest: str, secret: str) -> None:
    connection = celery_app(rest.format(secret)).connection_for_write()
    assert (connection.userid, connection.password, connection.hostname) == ("u", unquote(secret), "h")


def test_a_semicolon_in_a_virtual_hosts_name_is_part_of_it() -> None:
    connection = celery_app("amqp://u;v:p@h/v;w").connection_for_write()
    assert (connection.userid, connection.virtual_host, connection.alt) == ("u;v", "v;w", [])


def test_a_semicolon_in_a_password_reaches_a_primary_behind_sentinels() -> None:
    connection = celery_app("redis+sentinel://u:a;b@h,i/name/2?sentinel_password=c;d").connection_for_write()
    assert connection.password == "a;b" and connection.virtual_host == "2"
    assert connection.transport_options["sentinel_kwargs"]["password"] == "c;d"
