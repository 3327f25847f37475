"""Notification ids are UUIDs of version 7 and sort by time."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from shared.ids import canonical_uuid, time_floor, uuid7

NOW = dt.datetime(2026, 11, 22, 12, 0, 0, 123_000, tzinfo=dt.UTC)


def test_an_id_is_a_uuid_of_version_7_that_tells_its_time() -> None:
    made = uuid.UUID(uuid7(NOW))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == int(NOW.timestamp() * 1000)


def test_later_ids_sort_after_earlier_ones() -> None:
    ids = [uuid7(NOW + dt.timedelta(milliseconds=n)) for n in range(100)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 100


@pytest.mark.parametrize("moment", [dt.datetime.min, dt.datetime(1969, 12, 31, 23, 59, 59, 999_999)])
def test_no_id_lies_before_a_time_before_1970(moment: dt.datetime) -> None:
    assert time_floor(moment.replace(tzinfo=dt.UTC)) == str(uuid.UUID(int=0))


def test_every_id_lies_before_the_last_of_all_times() -> None:
    assert uuid7(NOW) < time_floor(dt.datetime.max.replace(tzinfo=dt.UTC)) < str(uuid.UUID(int=(1 << 128) - 1))


def test_a_time_floor_lies_between_the_ids_before_and_after() -> None:
    before, after = uuid7(NOW - dt.timedelta(milliseconds=1)), uuid7(NOW)
    assert before < time_floor(NOW) <= after


ID = "0197a000-0000-7000-8000-00000000ffff"


@pytest.mark.parametrize(
    "text",
    [
        ID,
        ID.upper(),
        ID.title(),
        str(uuid.UUID(int=0)),
        str(uuid.UUID(int=2**128 - 1)),
        "01a20320-a27b-7d5f-a602-e35464dff251",
    ],
)
def test_a_uuid_is_read_in_either_case_and_kept_in_lower_case(text: str) -> None:
    assert canonical_uuid(text) == str(uuid.UUID(text))


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "0", "null", "None", "../" + ID, ID + "\0", "\0" + ID),
        *(
            ID.replace("-", ""),
            ID.replace("-", "", 1),
            ID + "-",
            "-" + ID,
            ID.replace("-", "\u2010"),
            ID.replace("-", "_"),
        ),
        *(f"{{{ID}}}", f"urn:uuid:{ID}", f"({ID})", f"{ID}\n", f"\n{ID}", f" {ID}", f"{ID} ", f"{ID},{ID}"),
        *(ID[:-1], ID + "0", ID[1:], "g" + ID[1:], "-" * 36, ID[:8] + ID[9:] + "-0"),
        *(ID.replace("0", "\u0660"), ID.replace("a", "\u0430"), ID.replace("f", "\uff46"), ID.replace("0", "\u2070")),
        *("\u0130" * 36, "\ud800" * 36, ID * 50),
    ],
)
def test_what_is_written_in_another_form_is_no_uuid(text: str) -> None:
    assert canonical_uuid(text) is None
