"""Templates written into a folder, one folder each."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pulse.common.v1.template_pb2 import Template
from services.cli.template_folder import reading
from services.cli.template_folder.content_names import BadName, parts
from services.cli.template_folder.converting import files_of, template_of
from services.cli.template_folder.reading import FRAGMENTS, NAME, Unreadable


def write(root: Path, template: Template) -> bool:
    """Whether anything had to be written: a folder that says the same is left as it is, with its comments.

    Files of texts that the template does not have go. Raises :class:`Unreadable`.
    """
    name = template.name
    if not NAME.fullmatch(name) or name == FRAGMENTS:
        raise Unreadable(name, "cannot be the name of a template's folder")
    try:
        files = files_of(template)
    except ValueError as error:
        raise Unreadable(name, str(error)) from None
    folder = root / name
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise Unreadable(name, "is in the way: it is no folder")
    if _says(root, folder, files):
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in (path for path in folder.iterdir() if path.name not in files and _is_text(path.name)):
            stale.unlink()
        for file, content in files.items():
            _put(folder / file, content)
    except OSError as error:
        raise Unreadable(name, error.strerror or "cannot be written") from None
    return True


def _says(root: Path, folder: Path, files: Mapping[str, bytes]) -> bool:
    if not folder.is_dir():
        return False
    try:
        local, problems = template_of(folder.name, reading.read(root, folder))
    except Unreadable:
        return False
    return not problems and files_of(local.template) == files


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
