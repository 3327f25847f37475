"""Version N: the code as it was committed before the code at hand."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from services.local.home import checkout

PARTS = ("services", "shared", "proto/gen", "clients/python")


def unpack(folder: Path) -> Path:
    """Puts version N into ``folder``, unless it is there; returns it.

    N is the last commit if the code at hand differs from it, else the one before; without a history it is the code at
    hand itself, so that at least a change of processes is seen.
    """
    if folder.exists():
        return folder
    return next((folder for commit in _candidates() if unpack_commit(commit, folder)), checkout())


def unpack_commit(commit: str, folder: Path) -> bool:
    """Puts the code of ``commit`` into ``folder``, which is made; False if the history does not hold it."""
    done = subprocess.run(["git", "archive", commit, *PARTS], cwd=checkout(), capture_output=True, check=False)
    if done.returncode != 0:
        return False
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        # What comes out of our own history needs no filter, and Python 3.11 has had one only since 3.11.4.
        archive.extractall(folder)  # noqa: S202
    return True


def _candidates() -> list[str]:
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", *PARTS], cwd=checkout(), check=False)
    return ["HEAD"] if changed.returncode == 1 else ["HEAD~1"]
