"""What crosses the broker: ids, and nothing that is not one."""

from __future__ import annotations

from typing import Any

import pytest

from shared.broker import DELIVER_TASK, QUEUES, celery_app, decode_refs, encode_refs

REF = ("default", "0190b6a0-0000-7000-8000-000000000000")


def test_ids_survive_the_broker() -> None:
    assert decode_refs(encode_refs([REF, ("acme", REF[1])])) == [REF, ("acme", REF[1])]


@pytest.mark.parametrize(
    "body",
    [None, "x", 5, {}, [["default"]], [["default", "no-uuid"]], [["", REF[1]]], [[1, REF[1]]], [[*REF, "x"]], ["ab"]],
)
def test_what_is_no_id_is_left_out(body: Any) -> None:
    assert decode_refs(body) == []


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
    assert app.connection_for_write().alt == ["amqp://u:p@a/v", "amqp://u:p@b:5673/v"]
    options = app.conf.broker_transport_options
    assert options["confirm_publish"] and 0 < options["read_timeout"] <= 5 and 0 < options["write_timeout"] <= 5
    assert 0 < app.conf.broker_heartbeat <= 10
    assert "confirm_publish" not in celery_app("redis://a/1").conf.broker_transport_options
