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
