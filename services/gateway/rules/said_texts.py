"""What a request says beside subject and text holds no sign that could become syntax on its way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.errors import PulseError, invalid_field, together
from shared.saying import layers
from shared.text.rendering import CONTROL, is_one_line


def check(said: Mapping[str, Any]) -> None:
    """Raises INVALID_ARGUMENT naming each text that holds a line break or a control character where none may be."""
    refusals = [refusal for path, text in layers.texts(said) if (refusal := _refusal(path, text))]
    if refusals:
        raise together(refusals)


def _refusal(path: str, text: str) -> PulseError | None:
    if is_one_line(path) and CONTROL.search(text):
        return invalid_field(path, "CONTROL_CHARACTER", "holds a line break or a control character")
    if "\0" in text:
        return invalid_field(path, "CONTROL_CHARACTER", "holds a NUL character")
    return None
