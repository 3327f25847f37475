"""The code of the release before."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

from proof.kubernetes.commands import Failed, run
from services.local.home import checkout

#: A change here means that the release migrates the database.
_MIGRATIONS = "services/ledger/migrations/versions"


@dataclass(frozen=True)
class Release:
    """``title`` says which code it is: commit and subject."""

    folder: Path
    title: str


def unpack(folder: Path, revision: str = "") -> Release:
    """Puts its files into ``folder``.

    Unless a revision is given it is the newest tag, or where there is none the last commit with an older schema of the
    database. Raises :class:`Failed` without a history.
    """
    chosen = revision or _newest_tag() or _before_last_migration()
    archive = folder.with_suffix(".tar")
    run(["git", "archive", f"--output={archive}", chosen], cwd=checkout())
    folder.mkdir()
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as files:
        files.extractall(folder)  # noqa: S202 -- out of this history
    archive.unlink()
    return Release(folder, run(["git", "log", "-1", "--format=%h %s", chosen], cwd=checkout()).strip())


def _newest_tag() -> str:
    tags = run(["git", "tag", "--sort=-creatordate", "--merged", "HEAD"], cwd=checkout()).split()
    return next(iter(tags), "")


def _before_last_migration() -> str:
    last = run(["git", "log", "-1", "--format=%H", "--", _MIGRATIONS], cwd=checkout()).strip()
    if not last:
        raise Failed("the history has no release before this one")
    return f"{last}~1"
