"""What the console itself has against a field of a form."""

from __future__ import annotations


class FieldError(Exception):
    """A field that cannot be read; the text is for people, and is shown at the field."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field} {text}")
        self.field = field
        self.text = text
