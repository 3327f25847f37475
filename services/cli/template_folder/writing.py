"""Templates and fragments written into a folder, one folder each."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pulse.common.v1.fragment_pb2 import Fragment
from pulse.common.v1.template_pb2 import Template
from services.cli.template_folder import reading
from services.cli.template_folder.changes import Deletion, files_of
from services.cli.template_folder.content_names import BadName, parts
from services.cli.template_folder.converting import template_of
from services.cli.template_folder.fragments import fragment_of
from services.cli.template_folder.reading import FRAGMENTS, NAME, Files, Unreadable


def write(root: Path, message: Template | Fragment) -> bool:
    """Whether anything had to be written: a folder that says the same is left as it is, with its comments.

    Files of texts that the template does not have go. Raises :class:`Unreadable`.
    """
    place = Deletion(message).place
    if not NAME.fullmatch(message.name) or place == FRAGMENTS:
        raise Unreadable(place, "cannot be the name of a template's folder")
    try:
        files = files_of(message)
    except ValueError as error:
        raise Unreadable(place, str(error)) from None
    folder = root / place
    for each in (folder, folder.parent):
        if each != root and (each.is_symlink() or (each.exists() and not each.is_dir())):
            raise Unreadable(str(each.relative_to(root)), "is in the way: it is no folder")
    if _says(root, folder, files, fragment_of if isinstance(message, Fragment) else template_of):
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in (path for path in folder.iterdir() if path.name not in files and _is_text(path.name)):
            stale.unlink()
        for file, content in files.items():
            _put(folder / file, content)
    except OSError as error:
        raise Unreadable(place, error.strerror or "cannot be written") from None
    return True


def _says(root: Path, folder: Path, files: Mapping[str, bytes], make: Callable[[str, Files], Any]) -> bool:
    if not folder.is_dir():
        return False
    try:
        local, problems = make(folder.name, reading.read(root, folder))
    except Unreadable:
        return False
    return not problems and files_of(local.message) == files


def _is_text(name: str) -> bool:
    try:
        return bool(parts(name))
    except BadName:
        return False


def _put(path: Path, content: bytes) -> None:
    """In one step, and in the place of a link, not where it leads."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(name).chmod(0o644)
    Path(name).replace(path)
