"""Faults: which provider calls go wrong, how, and how often. Pure rules; the edges carry them out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

ACTIONS = ("delay_ms", "status", "status_after_accept", "hang", "drip", "reset", "garbage", "retry_after_s")

#: What ``status_after_accept`` can do besides answering a status: the receipt is kept and no answer can be read.
SILENT = ("hang", "drip", "reset", "garbage")

DEFAULT_HANG_S = 60
DEFAULT_DRIP_S = 1.0
LONGEST_S = 600
MOST_FAULTS = 1000
LONGEST_MATCH = 500
#: Which part of an answer by HTTP can drip.
PARTS = ("status", "header", "body")
LONGEST_TEXT = 1000
#: Statuses by which SMTP takes a recipient on after all (RFC 5321, sections 3.4 and 3.5.3).
ACCEPTED = frozenset({251, 252})


class Status(NamedTuple):
    """One status, and where in a conversation by SMTP it is answered."""

    value: int | str
    at: str = ""


class Answers(NamedTuple):
    """What faults can make one provider answer."""

    #: By which it refuses a notification for good, and by which the credentials that it is called with.
    for_good: Status
    credentials: Status
    #: Statuses with a name or a number of its own, beside 400 to 599.
    statuses: frozenset[str | int] = frozenset()
    #: Where in a conversation by SMTP a status can be answered, or drip; none: it speaks HTTP.
    steps: tuple[str, ...] = ()


class BadFault(ValueError):
    """A fault that cannot be carried out; the text names the field and says what would do."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule. ``value`` is milliseconds, seconds or a status, as the action asks; ``times`` None means always."""

    provider: str
    match: str
    action: str
    value: int | float | str | None
    times: int | None
    at: str = ""  # the SMTP command, or the part of an HTTP answer; empty: as the status has it, for a drip the answer
    text: str = ""  # what an SMTP refusal says after its code; empty: the sandbox's own words

    def hits(self, provider: str, recipients: Sequence[str], at: str = "") -> bool:
        """Whether a call to any of the recipients is meant: ``match`` is part of one, or a pattern found in one."""
        is_step = bool(at or (self.at and self.at not in PARTS))
        if self.provider not in ("*", provider) or (is_step and self.at != at):
            return False
        return not self.match or any(_matches(self.match, recipient) for recipient in recipients)

    @property
    def keeps_receipt(self) -> bool:
        """Whether the provider took the notification on before things went wrong."""
        return self.action == "status_after_accept"

    @property
    def effect(self) -> str:
        """What the client sees: status, hang, drip, reset, garbage or retry_after_s."""
        if not self.keeps_receipt:
            return self.action
        return self.value if isinstance(self.value, str) and self.value in SILENT else "status"

    @property
    def smtp_reply(self) -> str:
        """A status in the words that were asked for, or in the sandbox's own; lines of a reply are parted by CR LF."""
        code = str(self.value)
        *lines, last = (self.text or f"{code[0]}.0.0 Refused by a fault of the sandbox").split("\n")
        return "\r\n".join([*(f"{code}-{line}" for line in lines), f"{code} {last}"])

    @property
    def seconds(self) -> float:
        """How long a hang lasts at most."""
        return float(self.value) if self.action == "hang" and self.value is not None else DEFAULT_HANG_S

    @property
    def drip_s(self) -> float:
        """Seconds from one byte of an answer that never ends to the next."""
        return float(self.value) if self.action == "drip" and self.value is not None else DEFAULT_DRIP_S


@dataclass(frozen=True, slots=True)
class Plan:
    """What befalls one call: first a delay, then at most one fault in place of the ordinary answer."""

    delay_s: float = 0.0
    fault: Fault | None = None


#: Shared by all calls that nothing befalls.
SMOOTH = Plan()


class Faults:
    """The rules in force, in order, and how often each was used.

    ``befell`` is told the provider and the action whenever one is used.
    """

    def __init__(self, befell: Callable[[str, str], None] | None = None) -> None:
        self._befell = befell
        self._rules: list[Fault] = []
        self._used: list[int] = []

    def replace(self, rules: list[Fault]) -> None:
        """Puts new rules in force, all unused."""
        self._rules = list(rules)
        self._used = [0] * len(rules)

    def listing(self) -> list[dict[str, object]]:
        """The rules as the API shows them, each with ``used``."""
        return [{**_shown(rule), "used": used} for rule, used in zip(self._rules, self._used, strict=True)]

    def take(self, provider: str, recipients: Sequence[str]) -> Plan:
        """Plans one call and counts the rules it uses: the delays up to and including the first other fault."""
        if not self._rules:
            return SMOOTH
        delay_ms = 0.0
        for place in self._fitting(provider, recipients):
            rule = self._use(place, provider)
            if rule.action != "delay_ms":
                return Plan(delay_ms / 1000, rule)
            delay_ms += float(rule.value or 0)
        return Plan(delay_ms / 1000)

    def take_at(self, provider: str, at: str, addresses: Sequence[str] = ()) -> Fault | None:
        """The first fault of the command ``at``, counted as used; ``addresses`` are those that it names."""
        place = next(iter(self._fitting(provider, addresses, at)), None) if self._rules else None
        return None if place is None else self._use(place, provider)

    def take_if(self, provider: str, recipients: Sequence[str], wanted: Callable[[Fault], bool]) -> Fault | None:
        """The first fault that is no delay, counted as used, if ``wanted`` says so; else None, and none is counted."""
        for place in self._fitting(provider, recipients):
            rule = self._rules[place]
            if rule.action == "delay_ms":
                continue
            if not wanted(rule):
                return None
            return self._use(place, provider)
        return None

    def _use(self, place: int, provider: str) -> Fault:
        self._used[place] += 1
        rule = self._rules[place]
        if self._befell is not None:
            self._befell(provider, rule.action)
        return rule

    def _fitting(self, provider: str, recipients: Sequence[str], at: str = "") -> list[int]:
        return [
            place
            for place, rule in enumerate(self._rules)
            if (rule.times is None or self._used[place] < rule.times) and rule.hits(provider, recipients, at)
        ]


def _shown(rule: Fault) -> dict[str, object]:
    """Its fields, less ``at`` and ``text`` where they are empty."""
    return {name: value for name, value in asdict(rule).items() if value or name not in ("at", "text")}


def parse_faults(data: object, providers: Mapping[str, Answers]) -> list[Fault]:
    """Reads the JSON of ``PUT /api/faults``; ``providers`` are those that there are, by name."""
    if not isinstance(data, list):
        raise BadFault("the body must be a JSON list of faults")
    if len(data) > MOST_FAULTS:
        raise BadFault(f"{len(data)} faults are too many; the most is {MOST_FAULTS}")
    faults = []
    for number, given in enumerate(data):
        try:
            faults.append(_parse(given, providers))
        except BadFault as error:
            raise BadFault(f"faults[{number}]: {error}") from None
    return faults


def _parse(given: object, providers: Mapping[str, Answers]) -> Fault:
    if not isinstance(given, dict):
        raise BadFault("must be an object")
    unknown = given.keys() - {"provider", "match", "action", "value", "times", "at", "text", "used"}
    if unknown:
        raise BadFault(
            f"{sorted(unknown)[0]!r} is no field; fields are provider, match, action, value, times, at, text"
        )
    provider = _one_of("provider", given.get("provider"), (*providers, "*"))
    action = _one_of("action", given.get("action"), ACTIONS)
    answers = providers.get(provider)  # None: it is for all
    steps = answers.steps if answers else ()
    value = _value(action, given.get("value"), answers.statuses if answers else frozenset())
    at, text = _at(given.get("at"), provider, action, steps), _text(given.get("text"), action, steps)
    if steps and action.startswith("status") and value in ACCEPTED and at != "rcpt":
        raise BadFault("251 and 252 take a recipient on: at must be rcpt")
    return Fault(provider, _match(given.get("match")), action, value, _times(given.get("times")), at, text)


def _one_of(name: str, given: object, allowed: Sequence[str]) -> str:
    value = given.lower() if isinstance(given, str) else given
    if value not in allowed:
        raise BadFault(f"{name} must be one of {', '.join(allowed)}, not {given!r}")
    return str(value)


def _match(given: object) -> str:
    if given is None:
        return ""
    if not isinstance(given, str) or len(given) > LONGEST_MATCH or not given.isprintable():
        raise BadFault(f"match must be printable text of at most {LONGEST_MATCH} characters")
    return given


def _at(given: object, provider: str, action: str, steps: Sequence[str]) -> str:
    if not given:
        return ""
    if provider == "*" or not (action == "drip" or (steps and action == "status")):
        raise BadFault("at is for the action status of smtp and for drip, of one provider, alone")
    return _one_of("at", given, steps or PARTS)


def _text(given: object, action: str, steps: Sequence[str]) -> str:
    """One or several lines, for RFC 5321's replies of several lines (section 4.2.1)."""
    if not given:
        return ""
    if not steps or action != "status":
        raise BadFault("text is for the action status of smtp alone")
    if not isinstance(given, str) or len(given) > LONGEST_TEXT or not all(map(str.isprintable, given.split("\n"))):
        raise BadFault(f"text must be lines of printable text, {LONGEST_TEXT} characters at the most")
    return given


def _times(given: object) -> int | None:
    if given is None:
        return None
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise BadFault(f"times must be a whole number from 1, or null for always, not {given!r}")
    return given


def _value(action: str, given: object, names: frozenset[str | int]) -> int | float | str | None:
    if action == "delay_ms":
        return _number(action, given, LONGEST_S * 1000)
    if action == "hang":
        return DEFAULT_HANG_S if given is None else _number(action, given, LONGEST_S)
    if action == "drip":
        return DEFAULT_DRIP_S if given is None else _number(action, given, LONGEST_S)
    if action == "retry_after_s":
        return _number(action, given, 86_400, whole=True)
    if action in ("reset", "garbage"):
        return None
    return _status(action, given, names)


def _number(action: str, given: object, most: int, *, whole: bool = False) -> int | float:
    if isinstance(given, int if whole else int | float) and not isinstance(given, bool) and 0 <= given <= most:
        return given
    raise BadFault(f"value of {action} must be a {'whole ' if whole else ''}number from 0 to {most}")


def _status(action: str, given: object, names: frozenset[str | int]) -> int | str:
    known: frozenset[str | int] = names | frozenset(SILENT) if action == "status_after_accept" else names
    if isinstance(given, str) and given in known:
        return given
    if isinstance(given, int) and not isinstance(given, bool) and (400 <= given <= 599 or given in known):
        return given
    others = f", or one of {', '.join(sorted(map(str, known)))}" if known else ""
    raise BadFault(f"value of {action} must be a status from 400 to 599{others}, not {given!r}")


def _matches(match: str, recipient: str) -> bool:
    if match in recipient:
        return True
    try:
        return re.search(match, recipient) is not None
    except re.error:  # "+1555" is a fair part of a number and no pattern
        return False
