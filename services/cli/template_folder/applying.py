"""A folder's changes brought to a gateway: all of them, or none.

All are checked by the gateway first, as it would check them to keep them; a refusal stops everything. Should one then
fail nevertheless (the gateway went away, somebody deleted the template), those before it are taken back: by their
former content as a new version, as versions never change. Only what cannot be taken back either stays, and is named.
Deletions come last, and are not taken back: whoever makes a template again makes it without its former versions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pulse.common.v1.template_pb2 import Template
from pulse_client import PulseError
from services.cli.template_folder import rules
from services.cli.template_folder.changes import Change, Deletion, is_said
from services.cli.template_folder.kept import KeptTemplates
from services.cli.template_folder.problem import Problem

#: Told of each change that was made: its name, what was done, and the version that is now the newest.
Tell = Callable[[str, str, int], None]


@dataclass
class NotApplied(Exception):
    """A change that failed, and what of those before it could not be taken back."""

    name: str
    error: PulseError
    left: list[str] = field(default_factory=list)


class KeptWhatWasToBeChecked(Exception):
    """The gateway is older than this command, and kept what it was only to check."""


def refused(kept: KeptTemplates, changes: Sequence[Change]) -> list[Problem]:
    """What the gateway would refuse; nothing is kept."""
    problems: list[Problem] = []
    for change in changes:
        try:
            answer = _keep(kept, change, only_check=True)
        except PulseError as error:
            if not error.violations and error.code.name not in _OF_THE_TEMPLATE:
                raise
            violations = [(one.field, one.description) for one in error.violations]
            problems += rules.refused(change.wanted, error.reason, error.message, violations)
        else:
            if answer.version:
                raise KeptWhatWasToBeChecked(f"{change.name} is at version {answer.version}")
    return problems


#: Codes that say something of the one template; with any other the next would fail too.
_OF_THE_TEMPLATE = ("INVALID_ARGUMENT", "ALREADY_EXISTS", "NOT_FOUND", "FAILED_PRECONDITION")


def apply(kept: KeptTemplates, changes: Sequence[Change], deletions: Sequence[Deletion], tell: Tell) -> None:
    """Makes all changes, then all deletions; raises :class:`NotApplied`."""
    made: list[tuple[Change, Template]] = []
    for change in changes:
        try:
            stored = _make(kept, change)
        except PulseError as error:
            raise NotApplied(change.name, error, _take_back(kept, made, tell)) from None
        made.append((change, stored))
        tell(change.name, f"{change.action}d", stored.version)
    for deletion in deletions:
        try:
            kept.delete(deletion.name)
        except PulseError as error:
            raise NotApplied(deletion.name, error) from None
        tell(deletion.name, "deleted", 0)


def _make(kept: KeptTemplates, change: Change) -> Template:
    """As it is kept now. An answer that was lost on its way is asked for once more."""
    try:
        return _keep(kept, change)
    except PulseError as error:
        try:
            newest = kept.get(change.name)
        except PulseError:
            raise error from None
        if (
            is_said(change.wanted.template, newest)
            and newest.version == (change.stored.version if change.stored else 0) + 1
        ):
            return newest
        raise


def _keep(kept: KeptTemplates, change: Change, *, only_check: bool = False) -> Template:
    if change.stored is None:
        return kept.create(change.message(), only_check=only_check)
    return kept.update(change.message(), change.stored.version, only_check=only_check)


def _take_back(kept: KeptTemplates, made: Sequence[tuple[Change, Template]], tell: Tell) -> list[str]:
    """The last one first; gives what could not be taken back, as sentences."""
    left = []
    for change, stored in reversed(made):
        try:
            if change.stored is not None:
                tell(change.name, "taken back", kept.update(change.stored, stored.version).version)
            elif kept.get(change.name).version == stored.version:
                kept.delete(change.name)
                tell(change.name, "taken back", 0)
            else:
                left.append(f"{change.name} was changed by somebody else meanwhile, and stays")
        except PulseError as error:
            left.append(f"{change.name} is not taken back from version {stored.version}: {error}")
    return left
