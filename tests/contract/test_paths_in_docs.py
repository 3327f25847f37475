"""Every file that a page names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMED = re.compile(r"`((?:services|shared|tests|tools|deploy|proof|clients|proto)/[\w./-]*)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = set(NAMED.findall(page.read_text()))
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_no_room_has_more_than_25_modules() -> None:
    tops = [ROOT / top for top in ("services", "shared", "clients", "proof")]
    rooms = [*tops, *(path for top in tops for path in top.rglob("*") if path.is_dir())]
    sizes = {str(room.relative_to(ROOT)): len(set(room.glob("*.py")) - {room / "__init__.py"}) for room in rooms}
    assert {room: size for room, size in sizes.items() if size > 25} == {}
