"""A fragment as it stands in its form: texts are numbered fields, as a template's are."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pulse_client import PulseError
from pulse_client.enums import Channel
from pulse_client.fragments.fragment import Fragment, FragmentContent
from services.console.web.forms import Form, FormError

#: As many as the contract allows.
MOST_TEXTS = 100
_PATH = re.compile(r"fragment\.contents\[(\d+)\](?:\.(\w+))?.*")


@dataclass(frozen=True)
class FragmentText:
    """One content."""

    number: str
    channel: str = ""
    locale: str = ""
    body: str = ""
    unknown: str = ""

    def content(self) -> FragmentContent:
        """Raises :class:`FormError` for what no browser would have made of the page."""
        try:
            channel, unknown = Channel(self.channel or "UNSPECIFIED"), base64.b64decode(self.unknown, validate=True)
        except ValueError:
            raise FormError("a text's channel, or what was kept of unknown fields, is damaged") from None
        return FragmentContent(self.body, channel, self.locale, unknown)


@dataclass(frozen=True)
class FragmentForm:
    """A fragment that is worked at, and the version that the work began with (0: it is new)."""

    name: str
    texts: Sequence[FragmentText]
    base_version: int = 0
    unknown: str = ""
    apply: str = ""

    @classmethod
    def of(cls, fragment: Fragment, newest: int) -> FragmentForm:
        """A stored version, to make the next one of."""
        texts = [_text(str(n), content) for n, content in enumerate(fragment.contents)]
        return cls(fragment.name, texts, newest, base64.b64encode(fragment.unknown).decode())

    @classmethod
    def read(cls, form: Form, name: str = "") -> FragmentForm:
        """What stands in the form; ``name``: the fragment's, where the address says it."""
        numbers, base = filter(_is_number, dict.fromkeys(form.all("text"))), form.get("base_version")
        return cls(
            name or form.get("name"),
            [_read(form, number) for number in list(numbers)[:MOST_TEXTS]],
            int(base) if _is_number(base) else 0,
            form.get("unknown"),
            form.get("apply"),
        )

    def changed(self, form: Form) -> FragmentForm:
        """With a text more or less, as the form's buttons ask."""
        texts = [text for text in self.texts if text.number != form.get("remove")] or list(self.texts[:1])
        if form.get("add") == "text" and len(texts) < MOST_TEXTS:
            texts.append(FragmentText(str(max((int(text.number) for text in self.texts), default=-1) + 1)))
        return replace(self, texts=texts)

    def fragment(self) -> Fragment:
        """Raises :class:`FormError`."""
        try:
            unknown = base64.b64decode(self.unknown, validate=True)
        except ValueError:
            raise FormError("what was kept of unknown fields is damaged") from None
        return Fragment(self.name, tuple(text.content() for text in self.texts), unknown=unknown)

    def problems(self, error: PulseError) -> Mapping[str, str]:
        """What an error says, by the form's fields; what is about none of them is left out."""
        found: dict[str, str] = {}
        for violation in error.violations:
            if place := self._place(violation.field):
                found[place] = f"{found[place]}; {violation.description}" if place in found else violation.description
        if error.reason == "FRAGMENT_EXISTS":
            found["name"] = error.message
        return found

    def _place(self, path: str) -> str:
        if path.startswith("fragment.name"):
            return "name"
        met = _PATH.fullmatch(path)
        if not met or int(met[1]) >= len(self.texts):
            return ""
        number = self.texts[int(met[1])].number
        return f"text-{number}-{met[2]}" if met[2] in ("body", "channel", "locale") else f"text-{number}"


def _text(number: str, content: FragmentContent) -> FragmentText:
    channel = "" if content.channel is Channel.UNSPECIFIED else content.channel.value
    unknown = base64.b64encode(content.unknown).decode()
    return FragmentText(number, channel, content.locale, content.body, unknown)


def _read(form: Form, number: str) -> FragmentText:
    prefix = f"text-{number}-"
    return FragmentText(
        number,
        form.get(f"{prefix}channel"),
        form.get(f"{prefix}locale"),
        form.text(f"{prefix}body"),
        form.get(f"{prefix}unknown"),
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10
