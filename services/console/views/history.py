"""History: the last minutes of a few figures, as they were sampled while somebody watched."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Samples kept: a quarter of an hour at one every two seconds.
LONGEST = 450


@dataclass(frozen=True)
class Sample:
    """What waited at ``time`` (Unix, s): due by lane, age of the oldest due by lane (s), and notifications RETRYING."""

    time: float
    due: Mapping[str, int]
    age: Mapping[str, float]
    retrying: int
    #: Accepted within the minute before.
    accepted: int


class History:
    """A bounded row of samples, oldest first."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._samples: deque[Sample] = deque(maxlen=longest)

    def add(self, sample: Sample) -> None:
        """Appends; the oldest is dropped when there is no room."""
        self._samples.append(sample)

    def columns(self, after: float) -> Mapping[str, Sequence[float]]:
        """Samples later than ``after``, one column for each line of the charts, all of one length."""
        samples = [sample for sample in self._samples if sample.time > after]
        columns: dict[str, Sequence[float]] = {"time": [sample.time for sample in samples]}
        for lane in ("HIGH", "LOW"):
            columns[f"due_{lane}"] = [sample.due.get(lane, 0) for sample in samples]
            columns[f"age_{lane}"] = [sample.age.get(lane, 0.0) for sample in samples]
        columns["retrying"] = [sample.retrying for sample in samples]
        columns["accepted"] = [sample.accepted for sample in samples]
        return columns
