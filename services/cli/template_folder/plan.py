"""All that has to be done at a gateway so that it keeps what a folder says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulse.common.v1.fragment_pb2 import Fragment
from pulse.common.v1.template_pb2 import Template
from services.cli.template_folder.changes import Change, Deletion, changes, deletions
from services.cli.template_folder.folder import Folder
from services.cli.template_folder.kept import Gateway
from services.gateway.sending.taking_in import names_in


@dataclass(frozen=True)
class Plan:
    """``deletions`` are what the folder does not have; ``kept_fragments`` what is kept now, by name."""

    fragments: Sequence[Change[Fragment]]
    templates: Sequence[Change[Template]]
    deletions: Sequence[Deletion]
    kept_fragments: Mapping[str, Fragment]

    @property
    def steps(self) -> list[Change[Any] | Deletion]:
        """All of it, in the order in which it is done."""
        return [*self.fragments, *self.templates, *self.deletions]

    def to_be_checked(self) -> list[Change[Template]]:
        """Templates that the gateway can judge as they are: nothing that they take in is about to change."""
        changing = {change.wanted.message.name for change in self.fragments}
        return [change for change in self.templates if not changing & _taken_in(change.wanted.message)]


def plan(folder: Folder, gateway: Gateway) -> Plan:
    """Looks at what is kept. ValueError for what this release has no name for."""
    templates, fragments = gateway.templates.all(), gateway.fragments.all()
    changed = changes(folder.fragments, fragments)
    names = {change.wanted.message.name for change in changed}
    own = {name: template for name, template in templates.items() if name in folder.templates}
    anew = gateway.stale(own, fragments) | {
        name for name, template in own.items() if names & {pin.name for pin in template.fragments}
    }
    different = changes(folder.templates, templates)
    anew -= {change.wanted.message.name for change in different}
    different += [Change(folder.templates[name], own[name]) for name in sorted(anew)]
    gone = [*deletions(folder.templates, templates), *_outer_first(deletions(folder.fragments, fragments))]
    return Plan([*_inner_first(changed)], different, gone, fragments)


def _inner_first(changed: Sequence[Change[Fragment]]) -> Iterator[Change[Fragment]]:
    """Each behind those that it takes in."""
    left = {change.wanted.message.name: change for change in changed}
    while left:
        free = [name for name, change in left.items() if not _taken_in(change.wanted.message) & left.keys() - {name}]
        for name in free or [*left]:  # in a circle no order helps, and the gateway says what is wrong
            yield left.pop(name)


def _outer_first(gone: Sequence[Deletion]) -> list[Deletion]:
    """Each before those that it takes in, which cannot be deleted as long as they are in use."""
    left = {deletion.stored.name: deletion for deletion in gone}
    ordered = []
    while left:
        used = {name for one in left.values() for name in _fragments_of(one) if name != one.stored.name}
        free = [name for name in left if name not in used] or [*left]
        ordered += [left.pop(name) for name in free]
    return ordered


def _fragments_of(deletion: Deletion) -> Sequence[str]:
    return deletion.stored.fragments if isinstance(deletion.stored, Fragment) else ()


def _taken_in(message: Template | Fragment) -> set[str]:
    """The fragments that its texts take in themselves."""
    if isinstance(message, Fragment):
        sources = [content.body for content in message.contents]
    else:
        sources = [text for content in message.contents for text in (content.subject, content.body, content.html_body)]
    return set().union(*map(names_in, sources))
