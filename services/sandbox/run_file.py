"""Run file: where others on the machine read which ports the sandbox got."""

from __future__ import annotations

import json
import os
from pathlib import Path


def write(path: Path, values: dict[str, object]) -> None:
    """Writes the values as JSON; a reader sees the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.draft")
    draft.write_text(json.dumps(values) + "\n", encoding="utf-8")
    draft.replace(path)
