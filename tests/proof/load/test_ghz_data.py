"""Templates in a call's data are filled in anew for each call."""

from __future__ import annotations

import json
import re
import time
import uuid

import pytest

from proof.load.ghz.data import Call, Data, Template
from proof.load.ghz.values import BadConfig

CALL = Call(7, "g0c1", "pulse.gateway.v1.NotificationService.SendNotification", "In", "Out")


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("no template", "no template"),
        ("{{.RequestNumber}}", "7"),
        ("a{{ .RequestNumber }}b{{.WorkerID}}c", "a7bg0c1c"),
        ("{{.MethodName}}/{{.ServiceName}}", "SendNotification/NotificationService"),
        ("{{.FullyQualifiedName}}", CALL.method),
        ("{{.InputName}}{{- .OutputName -}}", "InOut"),
    ],
)
def test_fields_stand_for_what_is_known_of_the_call(text: str, filled: str) -> None:
    assert Template(text).fill(CALL) == filled


def test_times_are_now() -> None:
    seconds, milliseconds = Template("{{.TimestampUnix}} {{.TimestampUnixMilli}}").fill(CALL).split()
    assert abs(int(seconds) - time.time()) < 5
    assert abs(int(milliseconds) / 1000 - time.time()) < 5


@pytest.mark.parametrize("text", ["{{.UUID}}", "{{newUUID}}"])
def test_uuids_differ_from_call_to_call(text: str) -> None:
    template = Template(text)
    assert uuid.UUID(template.fill(CALL)) != uuid.UUID(template.fill(CALL))


def test_random_texts_have_the_length_asked_for() -> None:
    assert re.fullmatch("[A-Za-z0-9]{12}", Template("{{randomString 12}}").fill(CALL))
    assert 2 <= len(Template("{{randomString 0}}").fill(CALL)) <= 16


def test_random_numbers_stay_within_their_bounds() -> None:
    template = Template("{{randomInt 3 6}}")
    assert {int(template.fill(CALL)) for _ in range(200)} == {3, 4, 5}


@pytest.mark.parametrize("text", ["{{.Nothing}}", "{{now}}", "{{randomInt 5 5}}", "{{randomString x}}", "{{}}"])
def test_an_unknown_template_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadConfig, match="data: "):
        Template(text)


def test_several_objects_are_sent_in_turn() -> None:
    data = Data([{"n": "{{.RequestNumber}}"}, {"m": "ü"}])
    assert [json.loads(data.text(Call(number, ""))) for number in range(3)] == [{"n": "0"}, {"m": "ü"}, {"n": "2"}]
