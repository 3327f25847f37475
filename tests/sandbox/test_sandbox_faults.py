"""The rules about faults, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from services.sandbox.faults import SMOOTH, BadFault, Fault, Faults, parse_faults
from services.sandbox.providers.registry import ANSWERS


def faults(*rules: dict[str, Any]) -> Faults:
    made = Faults()
    made.replace(parse_faults([{"provider": "smtp", **rule} for rule in rules], ANSWERS))
    return made


def test_without_rules_all_goes_well() -> None:
    assert Faults().take("smtp", ["a@example.org"]) is SMOOTH


def test_a_rule_is_used_up() -> None:
    rules = faults({"action": "reset", "times": 2})
    taken = [rules.take("smtp", ["a"]).fault is not None for _ in range(3)]
    assert taken == [True, True, False]


def test_a_rule_is_for_its_provider_or_for_all() -> None:
    own, any_one = faults({"action": "reset"}), faults({"provider": "*", "action": "reset"})
    assert [own.take(provider, ["a"]).fault is not None for provider in ("smtp", "twilio")] == [True, False]
    assert [any_one.take(provider, ["a"]).fault is not None for provider in ("smtp", "twilio", "fcm")] == [True] * 3


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ("", True),
        ("p1@", True),
        ("p1+tag", False),
        ("^p[0-9]@example", True),
        ("+1555", False),
        ("[", False),
        ("nobody", False),
    ],
)
def test_a_match_is_a_part_or_a_pattern_of_the_recipient(match: str, hit: bool) -> None:
    assert Fault("smtp", match, "reset", None, None).hits("smtp", ["p1@example.org"]) is hit


def test_delays_add_up_before_the_first_other_fault() -> None:
    rules = faults(
        {"action": "delay_ms", "value": 10},
        {"action": "delay_ms", "value": 5.5, "times": 1},
        {"action": "status", "value": 451, "times": 1},
        {"action": "delay_ms", "value": 100},
    )
    first, second = rules.take("smtp", ["a"]), rules.take("smtp", ["a"])
    assert (first.delay_s, first.fault and first.fault.value) == (0.0155, 451)
    assert (second.delay_s, second.fault) == (0.11, None)
    assert [rule["used"] for rule in rules.listing()] == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("value", "effect"),
    [(500, "status"), ("reset", "reset"), ("hang", "hang"), ("garbage", "garbage"), ("drip", "drip")],
)
def test_after_accepting_a_provider_can_answer_a_status_or_nothing(value: int | str, effect: str) -> None:
    fault = faults({"action": "status_after_accept", "value": value}).take("smtp", ["a"]).fault
    assert fault is not None
    assert (fault.keeps_receipt, fault.effect) == (True, effect)


def test_a_drip_is_a_byte_a_second_when_no_other_interval_is_given() -> None:
    taken = [faults({"action": "drip", "value": value}).take("smtp", ["a"]).fault for value in (None, 0.1)]
    assert [fault.drip_s for fault in taken if fault] == [1.0, 0.1]


def test_a_hang_has_a_bound_when_none_is_given() -> None:
    fault = faults({"action": "hang"}).take("smtp", ["a"]).fault
    assert fault is not None
    assert fault.seconds == 60


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ("not a list", "list"),
        ([1], "faults[0]"),
        ([{"provider": "smtp"}], "action"),
        ([{"provider": "pigeon", "action": "reset"}], "provider"),
        ([{"provider": "smtp", "action": "explode"}], "explode"),
        ([{"provider": ["smtp"], "action": "reset"}], "provider"),
        ([{"provider": "smtp", "action": "reset", "tims": 1}], "tims"),
        ([{"provider": "smtp", "action": "reset", "times": 0}], "times"),
        ([{"provider": "smtp", "action": "reset", "times": True}], "times"),
        ([{"provider": "smtp", "action": "reset", "match": 5}], "match"),
        ([{"provider": "smtp", "action": "reset", "match": "x" * 501}], "match"),
        ([{"provider": "smtp", "action": "status"}], "status"),
        ([{"provider": "smtp", "action": "status", "value": 250}], "400 to 599"),
        ([{"provider": "smtp", "action": "status", "value": "UNREGISTERED"}], "400 to 599"),
        ([{"provider": "*", "action": "status", "value": 21610}], "400 to 599"),
        ([{"provider": "fcm", "action": "status", "value": "reset"}], "UNREGISTERED"),
        ([{"provider": "smtp", "action": "delay_ms", "value": -1}], "delay_ms"),
        ([{"provider": "smtp", "action": "hang", "value": 601}], "hang"),
        ([{"provider": "smtp", "action": "drip", "value": -1}], "drip"),
        ([{"provider": "smtp", "action": "drip", "at": "body"}], "at must be one of"),
        ([{"provider": "fcm", "action": "drip", "at": "rcpt"}], "at must be one of"),
        ([{"provider": "*", "action": "drip", "at": "body"}], "at is for"),
        ([{"provider": "smtp", "action": "retry_after_s", "value": 1.5}], "retry_after_s"),
        ([{"provider": "smtp", "action": "reset"}, {"provider": "smtp", "action": "status"}], "faults[1]"),
        ([{"provider": "smtp", "action": "reset"}] * 1001, "1001"),
        ([{"provider": "smtp", "action": "status", "value": 550, "at": "vrfy"}], "at must be one of"),
        ([{"provider": "smtp", "action": "reset", "at": "mail"}], "at is for"),
        ([{"provider": "twilio", "action": "status", "value": 500, "at": "mail"}], "at is for"),
        ([{"provider": "smtp", "action": "hang", "text": "wait"}], "text is for"),
        ([{"provider": "smtp", "action": "status", "value": 550, "text": "a\r\nb"}], "text must be"),
        ([{"provider": "smtp", "action": "status", "value": 252}], "at must be rcpt"),
        ([{"provider": "smtp", "action": "status", "value": 251, "at": "mail"}], "at must be rcpt"),
        ([{"provider": "smtp", "action": "status_after_accept", "value": 251}], "at must be rcpt"),
    ],
)
def test_a_bad_fault_is_named(rule: Any, named: str) -> None:
    with pytest.raises(BadFault) as refused:
        parse_faults(rule, ANSWERS)
    assert named in str(refused.value)


@pytest.mark.parametrize("value", [251, 252])
@pytest.mark.parametrize("action", ["delay_ms", "hang", "drip", "retry_after_s"])
def test_milliseconds_and_seconds_are_no_statuses(action: str, value: int) -> None:
    fault = faults({"action": action, "value": value}).listing()[0]
    assert (fault["action"], fault["value"]) == (action, value)


def test_a_fault_at_a_command_befalls_that_one_alone() -> None:
    rules = faults({"action": "status", "value": 553, "at": "mail", "text": "5.7.1 not owned by user"})
    assert rules.take("smtp", ["a"]).fault is None
    assert rules.take_at("smtp", "rcpt", ["a"]) is None
    fault = rules.take_at("smtp", "mail", ["a"])
    assert fault is not None
    assert fault.smtp_reply == "553 5.7.1 not owned by user"


def test_a_text_of_several_lines_is_a_reply_of_several_lines() -> None:
    fault = Fault("smtp", "", "status", 550, None, "rcpt", "5.1.1 one\n5.1.1 two")
    assert fault.smtp_reply == "550-5.1.1 one\r\n550 5.1.1 two"
