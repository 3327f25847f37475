"""Forms as browsers post them: ``application/x-www-form-urlencoded``, UTF-8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from starlette.requests import Request

#: A template of 3.5 MiB with all its texts, of which a form makes three times as much; more is no form of ours. Bytes.
LARGEST_FORM = 11 * 1024 * 1024
#: The same, of those who are not logged in: a login is all that they can send.
LARGEST_LOGIN = 16 * 1024
#: Fields in one form: a hundred texts of a template have some thirty each, and names and values besides.
MOST_FIELDS = 20_000


class FormError(Exception):
    """The body is no form, or too large for one; the text is for people."""


class Form:
    """The fields of one form; a name may come more than once."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        self._fields = fields

    def get(self, name: str) -> str:
        """The first value without the space around it; empty if there is none."""
        return self.text(name).strip()

    def text(self, name: str) -> str:
        """The first value as it was typed, with line ends as ``\\n``."""
        return self._fields.get(name, [""])[0].replace("\r\n", "\n")

    def texts(self, name: str) -> Sequence[str]:
        """Every value of a name as it was typed, with line ends as ``\\n``."""
        return [value.replace("\r\n", "\n") for value in self._fields.get(name, [])]

    def values(self) -> Mapping[str, str]:
        """Every name with its first value."""
        return {name: self.text(name) for name in self._fields}

    def all(self, name: str) -> Sequence[str]:
        """Every value of a name."""
        return self._fields.get(name, [])


async def read_form(request: Request, most: int = LARGEST_FORM) -> Form:
    """Raises :class:`FormError`, also beyond ``most`` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise FormError(f"the form is larger than {most // 1024} KiB")
    try:
        return Form(parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise FormError("the form cannot be read") from None
