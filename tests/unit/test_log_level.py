"""The log level follows its file while the process runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.observe.log_level import LevelFile
from tests.support import eventually


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    before = root.level
    root.setLevel("INFO")
    yield root
    root.setLevel(before)


async def test_the_file_says_the_level_and_without_it_the_setting_does(tmp_path: Path, root: logging.Logger) -> None:
    path = tmp_path / "level"
    follower = LevelFile(path, "INFO", pause=0.01)
    follower.start()
    try:
        path.write_text("debug\n")
        await eventually(lambda: root.level == logging.DEBUG)
        path.unlink()
        await eventually(lambda: root.level == logging.INFO)
    finally:
        follower.stop()


async def test_a_word_that_is_no_level_changes_nothing_and_is_told(
    tmp_path: Path, root: logging.Logger, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "level"
    path.write_text("LOUD")
    follower = LevelFile(path, "INFO", pause=0.01)
    follower.start()
    try:
        await eventually(lambda: "names no level" in caplog.text + capsys.readouterr().out)
        assert root.level == logging.INFO
    finally:
        follower.stop()
