"""What a browser would post of a form, if nothing was typed."""

from __future__ import annotations

from html.parser import HTMLParser

Attributes = list[tuple[str, str | None]]


def fields_of(page: str, form_id: str = "editor", *, token: bool = False) -> dict[str, list[str]]:
    """Every field of the form by its name, without the session's ``token`` unless that is wanted."""
    reader = _Reader(form_id)
    reader.feed(page)
    assert reader.found, page
    if not token:
        reader.found.pop("form_token", None)
    return reader.found


class _Reader(HTMLParser):
    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self._form_id = form_id
        self._in_form = False
        self._select = self._textarea = ""
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._in_form = given.get("id") == self._form_id
        if not self._in_form:
            return
        if tag == "input" and (given.get("type") not in ("radio", "checkbox") or "checked" in given):
            self._add(given.get("name", ""), given.get("value", ""))
        elif tag == "select":
            self._select = given["name"]
            self._add(self._select, "")
        elif tag == "option" and "selected" in given and self._select:
            self.found[self._select][-1] = given.get("value", "")
        elif tag == "textarea":
            self._textarea, self._text = given["name"], []

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._in_form = False
        elif tag == "select":
            self._select = ""
        elif tag == "textarea" and self._textarea:
            # The first line break after the tag is none of the text's.
            self._add(self._textarea, "".join(self._text).removeprefix("\n"))
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self._text.append(data)

    def _add(self, name: str, value: str) -> None:
        if name:
            self.found.setdefault(name, []).append(value)
