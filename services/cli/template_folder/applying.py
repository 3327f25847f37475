"""A folder's changes brought to a gateway: all of them, or none.

Fragments come first: until a template is saved anew, nothing takes their new versions in. Then all templates are
checked by the gateway, as it would check them to keep them; a refusal stops everything. Should one then fail
nevertheless (the gateway went away, somebody changed the template), those before it are taken back: by their former
content as a new version, as versions never change. Only what cannot be taken back either stays, and is named. Deletions
come last, and are not taken back: whoever makes a template again makes it without its former versions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pulse_client import PulseError
from services.cli.template_folder import rules
from services.cli.template_folder.changes import Change, Deletion, is_said
from services.cli.template_folder.kept import Gateway
from services.cli.template_folder.problem import Problem

#: Told of each change that was made: where, what was done, and the version that is now the newest.
Tell = Callable[[str, str, int], None]
#: Codes that say something of the one template; with any other the next would fail too.
_OF_THE_TEMPLATE = ("INVALID_ARGUMENT", "ALREADY_EXISTS", "NOT_FOUND", "FAILED_PRECONDITION")


@dataclass
class NotApplied(Exception):
    """A change that failed or, with ``problems``, was refused; ``left``: what could not be taken back."""

    place: str = ""
    error: PulseError | None = None
    problems: Sequence[Problem] = ()
    left: list[str] = field(default_factory=list)


class KeptWhatWasToBeChecked(Exception):
    """The gateway is older than this command, and kept what it was only to check."""


def refused(gateway: Gateway, changes: Sequence[Change[Any]]) -> list[Problem]:
    """What the gateway would refuse of templates; nothing is kept."""
    problems: list[Problem] = []
    for change in changes:
        try:
            answer = _keep(gateway, change, validate_only=True)
        except PulseError as error:
            if not error.violations and error.code.name not in _OF_THE_TEMPLATE:
                raise
            problems += rules.refused(change.wanted, error)
        else:
            if answer.version:
                raise KeptWhatWasToBeChecked(f"{change.place} is at version {answer.version}")
    return problems


def apply(
    gateway: Gateway,
    fragments: Sequence[Change[Any]],
    templates: Sequence[Change[Any]],
    deletions: Sequence[Deletion],
    tell: Tell,
) -> None:
    """Makes all changes, then all deletions; raises :class:`NotApplied`."""
    made: list[tuple[Change[Any], Any]] = []
    try:
        _make_all(gateway, fragments, made, tell)
        if problems := refused(gateway, templates):
            raise NotApplied(problems=problems)
        _make_all(gateway, templates, made, tell)
    except NotApplied as error:
        error.left = _take_back(gateway, made, tell)
        raise
    for deletion in deletions:
        try:
            gateway.of(deletion.stored).delete(deletion.stored.name)
        except PulseError as error:
            raise NotApplied(deletion.place, error) from None
        tell(deletion.place, "deleted", 0)


def _make_all(
    gateway: Gateway, changes: Sequence[Change[Any]], made: list[tuple[Change[Any], Any]], tell: Tell
) -> None:
    for change in changes:
        try:
            stored = _make(gateway, change)
        except PulseError as error:
            raise NotApplied(change.place, error) from None
        made.append((change, stored))
        tell(change.place, f"{change.action}d", stored.version)


def _make(gateway: Gateway, change: Change[Any]) -> Any:
    """As it is kept now. An answer that was lost on its way is asked for once more."""
    try:
        return _keep(gateway, change)
    except PulseError as error:
        try:
            newest = gateway.of(change.wanted.message).get(change.wanted.message.name)
        except PulseError:
            raise error from None
        former = change.stored.version if change.stored is not None else 0
        if is_said(change.wanted.message, newest) and newest.version == former + 1:
            return newest
        raise


def _keep(gateway: Gateway, change: Change[Any], **more: Any) -> Any:
    kept = gateway.of(change.wanted.message)
    if change.stored is None:
        return kept.create(change.message(), **more)
    return kept.update(change.message(), change.stored.version, **more)


def _take_back(gateway: Gateway, made: Sequence[tuple[Change[Any], Any]], tell: Tell) -> list[str]:
    """The last one first; gives what could not be taken back, as sentences."""
    left = []
    for change, stored in reversed(made):
        kept = gateway.of(stored)
        try:
            if kept.get(stored.name).version != stored.version:
                left.append(f"{change.place} was changed by somebody else meanwhile, and stays")
            elif change.stored is not None:
                tell(change.place, "taken back", kept.update(change.stored, stored.version).version)
            else:
                kept.delete(stored.name)
                tell(change.place, "taken back", 0)
        except PulseError as error:
            left.append(f"{change.place} is not taken back from version {stored.version}: {error}")
    return left
