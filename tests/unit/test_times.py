"""Times and lengths of time to and from protobuf are what protobuf's own, slower, ways make of them."""

from __future__ import annotations

import datetime as dt

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from pulse.ledger.v1.records_pb2 import ClaimedNotification
from shared.times import from_timestamp, set_timestamp, to_timestamp

MOMENTS = st.datetimes(timezones=st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=-9, minutes=-30))]))


@given(MOMENTS)
def test_a_moment_becomes_its_timestamp_and_comes_back(moment: dt.datetime) -> None:
    try:
        moment.astimezone(dt.UTC)
    except OverflowError:
        return  # in UTC it is before the year 1, or after 9999
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    assert to_timestamp(moment) == stamp
    assert from_timestamp(stamp) == moment == stamp.ToDatetime(tzinfo=dt.UTC)


def test_what_is_less_than_a_microsecond_is_left_out() -> None:
    assert from_timestamp(Timestamp(seconds=1, nanos=999_999_999)).microsecond == 999_999


def test_no_moment_has_no_timestamp() -> None:
    assert to_timestamp(None) is None


@pytest.mark.parametrize("moment", [dt.datetime(1970, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)])
def test_a_part_of_a_message_that_is_set_is_there_whatever_it_says(moment: dt.datetime) -> None:
    message = ClaimedNotification()
    set_timestamp(message.lease_until, moment)
    assert message.HasField("lease_until")
    assert from_timestamp(message.lease_until) == moment


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [(253_402_300_800, 0), (-62_135_596_801, 0), (2**62, 0), (-(2**62), 0), (0, -1), (0, 10**9)],
)
def test_what_cannot_be_a_time_is_refused(seconds: int, nanos: int) -> None:
    with pytest.raises((ValueError, OverflowError)):
        from_timestamp(Timestamp(seconds=seconds, nanos=nanos))
