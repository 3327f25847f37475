"""What lies between a folder's templates and those that a gateway keeps."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from google.protobuf.message import Message

from pulse.common.v1.template_pb2 import Template
from services.cli.template_folder.converting import LocalTemplate, files_of, key_in


@dataclass(frozen=True)
class Change:
    """A template that is to be made, or brought to what the folder says."""

    wanted: LocalTemplate
    stored: Template | None  # None: to be made

    @property
    def name(self) -> str:
        """The template's."""
        return self.wanted.template.name

    @property
    def action(self) -> str:
        """What is to be done with it."""
        return "update" if self.stored is not None else "create"

    def message(self) -> Template:
        """What is to be kept: with what a newer gateway says of it and this release does not know."""
        made = Template()
        if self.stored is None:
            made.CopyFrom(self.wanted.template)
            return made
        former = Template()
        former.CopyFrom(self.stored)
        kept = {key_in(former, content): content for content in former.contents}
        for content in former.contents:
            _keep_unknown(content)
        made.CopyFrom(former)
        _keep_unknown(made)
        made.MergeFrom(self.wanted.template)
        for key, content in zip(self.wanted.keys, made.contents, strict=True):
            if key in kept:
                content.MergeFrom(kept[key])
        return made


@dataclass(frozen=True)
class Deletion:
    """A template that is kept and that the folder does not have."""

    stored: Template
    action: str = "delete"

    @property
    def name(self) -> str:
        """The template's."""
        return self.stored.name


def changes(local: Mapping[str, LocalTemplate], stored: Mapping[str, Template]) -> list[Change]:
    """What the folder says and is not kept, by name. ValueError for what this release has no name for."""
    return [
        Change(wanted, stored.get(name))
        for name, wanted in sorted(local.items())
        if name not in stored or not is_said(wanted.template, stored[name])
    ]


def deletions(local: Mapping[str, LocalTemplate], stored: Mapping[str, Template]) -> list[Deletion]:
    """What is kept and the folder does not have, by name."""
    return [Deletion(template) for name, template in sorted(stored.items()) if name not in local]


def is_said(wanted: Template, stored: Template) -> bool:
    """Whether both say the same."""
    return files_of(wanted) == files_of(stored)


def difference(change: Change | Deletion) -> Iterator[str]:
    """Lines of a unified diff, file by file, from what is kept to what is wanted."""
    kept = files_of(change.stored) if change.stored is not None else {}
    wanted = files_of(change.wanted.template) if isinstance(change, Change) else {}
    for file in sorted(kept.keys() | wanted.keys()):
        before, after = kept.get(file), wanted.get(file)
        if before != after:
            path = f"{change.name}/{file}"
            names = "/dev/null" if before is None else f"a/{path}", "/dev/null" if after is None else f"b/{path}"
            yield from difflib.unified_diff(_lines(before), _lines(after), *names, lineterm="")


def _lines(content: bytes | None) -> list[str]:
    return [] if content is None else content.decode().removesuffix("\n").split("\n")


def _keep_unknown(message: Message) -> None:
    """Takes away all but what this release does not know."""
    for field, value in message.ListFields():
        if field.message_type and not field.is_repeated:
            _keep_unknown(value)
            if value.ByteSize():
                continue
        message.ClearField(field.name)
