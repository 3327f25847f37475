"""Hand-backs: what a worker gives back unsent costs no attempt, but not for ever."""

from __future__ import annotations

import datetime as dt
import math

from services.ledger.rules import fallbacks
from services.ledger.rules.attempts import Ending, ended
from services.ledger.rules.changes import begin, failed_with, happen
from services.ledger.rules.delivery import Change, Delivery, Failure
from services.ledger.rules.retry import Random, RetryPolicy
from services.ledger.rules.states import Status

#: So many wait no longer than the worker asks for: one that stops, or a provider that is avoided, must cost no time.
AT_ONCE = 5
#: How long each further one waits.
PAUSES = RetryPolicy(base=1.0, cap=300.0, growth=2.0)


def hand_back(delivery: Delivery, ending: Ending, asked: float, most: int, now: dt.datetime, random: Random) -> Change:
    """QUEUED after the ``asked`` seconds or longer, the oftener the longer.

    FAILED, or on to the next channel, when it was handed back ``most`` times; a replay has as many again.
    """
    handed_back = delivery.handed_back + 1
    number = handed_back % most
    if number == 0:
        return _give_up(delivery, ending, handed_back, now)
    if number > AT_ONCE:
        left = math.inf if delivery.expires_at is None else (delivery.expires_at - now).total_seconds()
        asked = max(asked, PAUSES.delay(number - AT_ONCE, random, left=left))
    ready_at = now + dt.timedelta(seconds=asked)
    return happen(
        begin(delivery),
        ended(delivery, Status.QUEUED, ending),
        now,
        attempt=delivery.attempt - 1,
        due_at=ready_at,
        ready_at=ready_at,
        lease_until=None,
    )


def _give_up(delivery: Delivery, ending: Ending, times: int, now: dt.datetime) -> Change:
    code = ending.failure.code
    why = f"workers handed it back {times} times without a call" + (f", at last for {code}" if code else "")
    failure = Failure("HANDED_BACK", why)
    event = ended(delivery, Status.FAILED, ending._replace(failure=failure))
    failed = happen(begin(delivery), event, now, attempt=delivery.attempt - 1, **failed_with(failure))
    return fallbacks.after_failure(failed, now)
