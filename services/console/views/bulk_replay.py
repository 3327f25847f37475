"""Bulk replay: all dead letters that match, at a rate, counted first and replayed once that is confirmed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pulse_client.calls import Call
from pulse_client.calls_operations import Deaths, replay_dead_letters
from pulse_client.operations import Replay
from services.console.views.deaths import deaths
from services.console.web.field_error import FieldError
from services.console.web.forms import Form, FormError
from services.console.web.search import Search

#: Notifications in a second, unless the page is told otherwise.
RATE = "100"
#: What the API calls the fields, and what the form does.
FIELDS = {"rate_per_second": "rate"}


def template(form: Form) -> str:
    """NEWEST if that is ticked, else empty: the versions that they were accepted with."""
    return "NEWEST" if form.get("template") == "NEWEST" else ""


@dataclass(frozen=True)
class BulkReplay:
    """What is asked for. Those that died before ``until`` are meant, so that what was counted is what is replayed."""

    search: Search
    rate: str
    until: dt.datetime
    is_confirmed: bool
    #: As :func:`template` gives it.
    template: str = ""

    @classmethod
    def read(cls, form: Form, search: Search, now: dt.datetime) -> BulkReplay:
        """From a form, which names the time if it confirms; raises :class:`FormError` for one that cannot be read."""
        counted = form.get("until")
        try:
            until = dt.datetime.fromisoformat(counted) if counted else now
        except ValueError:
            raise FormError("the time of the count cannot be read") from None
        return cls(
            search,
            form.get("rate"),
            until if until.tzinfo else now,
            is_confirmed=bool(counted),
            template=template(form),
        )

    def call(self) -> Call[Replay]:
        """ReplayDeadLetters, a dry run unless confirmed.

        Raises :class:`FieldError` for a rate that is no number, and ValueError for a filter that cannot be.
        """
        if not self.rate.isdecimal() or len(self.rate) > 9:
            raise FieldError("rate", "must be a whole number")
        wanted: Deaths = {**deaths(self.search, self.until), "died_before": self.until}
        return replay_dead_letters(int(self.rate), dry_run=not self.is_confirmed, template=self.template, **wanted)

    def lasts(self, replay: Replay) -> float:
        """Until the last of them falls due, s."""
        return replay.matched / max(int(self.rate), 1)
