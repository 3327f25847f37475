"""What lies between a folder and what a gateway keeps."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from google.protobuf.message import Message

from pulse.common.v1.fragment_pb2 import Fragment
from pulse.common.v1.template_pb2 import Template
from services.cli.template_folder import converting, fragments
from services.cli.template_folder.content_names import ContentKey, locale_written
from services.cli.template_folder.local import Kind, Local
from services.cli.template_folder.reading import FRAGMENTS


@dataclass(frozen=True)
class Change(Generic[Kind]):
    """A template or fragment that is to be made, or brought to what the folder says."""

    wanted: Local[Kind]
    stored: Kind | None  # None: to be made

    @property
    def place(self) -> str:
        """Its folder."""
        return self.wanted.place

    @property
    def action(self) -> str:
        """What is to be done with it."""
        return "update" if self.stored is not None else "create"

    def message(self) -> Any:
        """What is to be kept: with what a newer gateway says of it and this release does not know."""
        made: Any = type(self.wanted.message)()
        if self.stored is None:
            made.CopyFrom(self.wanted.message)
            return made
        former: Any = type(made)()
        former.CopyFrom(self.stored)
        kept = {key_in(former, content): content for content in former.contents}
        for content in former.contents:
            _keep_unknown(content)
        made.CopyFrom(former)
        _keep_unknown(made)
        made.MergeFrom(self.wanted.message)
        for key, content in zip(self.wanted.keys, made.contents, strict=True):
            if key in kept:
                content.MergeFrom(kept[key])
        return made


@dataclass(frozen=True)
class Deletion:
    """What is kept and the folder does not have."""

    stored: Template | Fragment
    action: str = "delete"

    @property
    def place(self) -> str:
        """The folder that it would have."""
        name = self.stored.name
        return f"{FRAGMENTS}/{name}" if isinstance(self.stored, Fragment) else name


def key_in(owner: Template | Fragment, content: Any) -> ContentKey:
    """Which of the owner's contents it is; ValueError for a channel that this release does not know."""
    if isinstance(owner, Template):
        return converting.key_in(owner, content)
    return ContentKey(locale_written(content.locale or fragments.DEFAULT), content.channel)


def files_of(message: Template | Fragment) -> dict[str, bytes]:
    """Its files by their names; ValueError for what this release has no name for."""
    return fragments.files_of(message) if isinstance(message, Fragment) else converting.files_of(message)


def changes(local: Mapping[str, Local[Kind]], stored: Mapping[str, Kind]) -> list[Change[Kind]]:
    """What the folder says and is not kept, by name. ValueError for what this release has no name for."""
    return [
        Change(wanted, stored.get(name))
        for name, wanted in sorted(local.items())
        if name not in stored or not is_said(wanted.message, stored[name])
    ]


def deletions(local: Mapping[str, Any], stored: Mapping[str, Template] | Mapping[str, Fragment]) -> list[Deletion]:
    """What is kept and the folder does not have, by name."""
    every: Mapping[str, Any] = stored
    return [Deletion(message) for name, message in sorted(every.items()) if name not in local]


def is_said(wanted: Any, stored: Any) -> bool:
    """Whether both say the same."""
    return files_of(wanted) == files_of(stored)


def difference(change: Change[Any] | Deletion) -> Iterator[str]:
    """Lines of a unified diff, file by file, from what is kept to what is wanted."""
    kept = files_of(change.stored) if change.stored is not None else {}
    wanted = files_of(change.wanted.message) if isinstance(change, Change) else {}
    for file in sorted(kept.keys() | wanted.keys()):
        before, after = kept.get(file), wanted.get(file)
        if before != after:
            path = f"{change.place}/{file}"
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
