"""What a recipient would see of a draft: the API's preview, and what stands in its way."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pulse_client import PulseError
from pulse_client import calls as client_calls
from pulse_client.enums import Priority
from pulse_client.models import Preview
from services.console.views.editor import places, saying
from services.console.views.editor.draft import Draft
from services.console.views.editor.form import read_context
from services.console.views.editor.frame import knows_dark
from services.console.views.editor.places import title_of
from services.console.views.editor.saying import Problems
from services.console.web.field_error import FieldError
from services.console.web.forms import Form
from services.console.web.gateway import Gateway
from services.console.web.refusals import refusal
from shared.channel.table import Address, Channel

_LOOKS: Mapping[Address, str] = {Address.MAILBOX: "mail", Address.DEVICE: "push"}
#: What a browser would fetch for HTML: an address behind an attribute or within a style.
_REMOTE = re.compile(r"(?:(?:src|srcset|background|poster)\s*=|url\()\s*[\"']?\s*(?:https?:)?//", re.IGNORECASE)


@dataclass(frozen=True)
class Shown:
    """A preview, or why there is none."""

    preview: Preview | None = None
    channel: str = ""
    error: PulseError | None = None
    #: What is wrong with the form: a place, what people call it, and the words.
    faults: Sequence[tuple[str, str, str]] = ()
    #: Variables that the context lacks, which are shown by their names.
    lacking: Sequence[str] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    #: The languages of the draft, its own (empty) first.
    locales: Sequence[str] = ("",)
    locale: str = ""
    shade: str = "light"

    @property
    def look(self) -> str:
        """Which of the previews' templates draws it."""
        channel = Channel.named(self.channel)
        return _LOOKS.get(channel.facts.address, "message") if channel else "mail"

    @property
    def said(self) -> Mapping[str, Any]:
        """What its channel carries besides."""
        return getattr(self.preview, self.channel.lower(), {})

    @property
    def has_pictures(self) -> bool:
        """Whether something would be fetched from elsewhere, if it might be."""
        if self.preview is None:
            return False
        push = self.preview.push
        addresses = (push.get("image", ""), push.get("icon", ""))
        return bool(_REMOTE.search(self.preview.html_body)) or any(one.startswith("https:") for one in addresses)

    @property
    def knows_dark(self) -> bool:
        """Whether the HTML part says how it looks on dark ground."""
        return self.preview is not None and knows_dark(self.preview.html_body)

    @property
    def alphabet(self) -> str:
        """Of an SMS: UCS-2 if any character needs it."""
        return "UCS-2" if self.preview and self.preview.sms_unicode_character else "GSM-7"

    @property
    def before_sign(self) -> tuple[str, str, str]:
        """The text up to the character that made it UCS-2, that, and the rest."""
        assert self.preview is not None  # noqa: S101  # only asked of a preview
        return self.preview.body.partition(self.preview.sms_unicode_character)


async def show(gateway: Gateway, draft: Draft, form: Form) -> Shown:
    """Previews the draft by what is chosen in the form; never raises what the draft or the form is to blame for."""
    shown = Shown(
        channel=form.get("preview_channel") or draft["channel"],
        locale=form.get("preview_locale"),
        locales=["", *sorted({text["locale"] for text in draft.texts} - {""})],
        shade="dark" if form.get("shade") == "dark" else "light",
    )
    try:
        context = read_context(form)
        template = saying.template_of(draft)
        # What is only kept with a template is checked when it is saved.
        bare = replace(template, name="draft", category="", priority=Priority.UNSPECIFIED)
        call = client_calls.preview_template(
            bare.name, context, channel=shown.channel, locale=shown.locale, template=bare, fill_missing=True
        )
        preview = await gateway.ask(call)
    except Problems as problems:
        return replace(shown, faults=_faults(problems.found, draft))
    except PulseError as error:
        return replace(shown, error=error, faults=_faults(places.problems_of(error, draft), draft))
    except FieldError as error:
        return replace(shown, error=refusal("BAD_PREVIEW", error.text))
    except ValueError as error:  # a context that no message can carry, or a channel that there is not
        return replace(shown, error=refusal("BAD_PREVIEW", str(error)))
    lacking = [name for name in preview.variables if name not in context]
    return replace(shown, preview=preview, context=context, lacking=lacking)


def _faults(problems: Mapping[str, str], draft: Draft) -> Sequence[tuple[str, str, str]]:
    return [(place, title_of(place, draft), words) for place, words in problems.items()]
