"""The page of senders: listing, registering, changing and forgetting whom notifications come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pulse_client import PulseError
from pulse_client.calls import Call
from pulse_client.enums import Channel
from pulse_client.senders import calls as sender_calls
from pulse_client.senders.sender import Sender
from services.console.web import calls
from services.console.web.calls import Page
from services.console.web.forms import FormError
from services.console.web.page import Pages
from services.console.web.search import Search
from services.console.web.visits import HOME
from shared.channel.table import Channel as Known

_LIST = f"{HOME}/senders"
_NAMES = ("name", "channel", "address", "display_name", "reply_to", "is_default", "existing")
#: What the API calls the form's fields.
_FIELDS: Mapping[str, str] = {f"sender.{name}": name for name in _NAMES}


@dataclass(frozen=True)
class SenderForm:
    """What stands in the form; ``existing`` is "yes" for one that is changed."""

    name: str = ""
    channel: str = ""
    address: str = ""
    display_name: str = ""
    reply_to: str = ""
    is_default: str = ""
    existing: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> SenderForm:
        """From a form or an address; what is missing is empty."""
        return cls(**{name: given.get(name, "").strip() for name in _NAMES})

    @classmethod
    def of(cls, sender: Sender) -> SenderForm:
        """To change one."""
        default = "yes" if sender.is_default else ""
        return cls(
            sender.name, sender.channel, sender.address, sender.display_name, sender.reply_to, default, existing="yes"
        )

    def call(self) -> Call[Sender]:
        """CreateSender or UpdateSender; raises :class:`FormError` for a channel that there is not."""
        try:
            channel = Channel(self.channel or "UNSPECIFIED")
        except ValueError:
            raise FormError(f"there is no channel {self.channel!r}") from None
        sender = Sender(
            self.name, channel, self.address, self.display_name, self.reply_to, is_default=bool(self.is_default)
        )
        return sender_calls.update_sender(sender) if self.existing else sender_calls.create_sender(sender)


class SenderPages:
    """Lists, registers, changes and forgets."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def list(self, request: Request) -> Response:
        """A page of them; ``?name=`` fills the form with one of them."""
        form, error = SenderForm(), None
        if name := request.query_params.get("name", ""):
            try:
                form = SenderForm.of(await request.state.gateway.ask(sender_calls.get_sender(name)))
            except PulseError as problem:
                error = problem
        return await self._list(request, form, error)

    async def set(self, request: Request) -> Response:
        """Registers or changes one; what is wrong with a field is shown at that field."""
        form = SenderForm.read(request.state.form.values())
        try:
            await request.state.gateway.ask(form.call())
        except PulseError as error:
            return await self._list(request, form, error)
        return RedirectResponse(_LIST, status_code=303)

    async def delete(self, request: Request) -> Response:
        """Forgets one."""
        try:
            await request.state.gateway.ask(sender_calls.delete_sender(request.state.form.get("name")))
        except PulseError as error:
            return await self._list(request, SenderForm(), error)
        return RedirectResponse(_LIST, status_code=303)

    async def _list(self, request: Request, form: SenderForm, error: PulseError | None = None) -> Response:
        search = Search.of(request.query_params, ())
        found: Page[Sender] = Page([], "")
        try:
            found = await request.state.gateway.ask(calls.senders(search.token))
        except PulseError as problem:
            error = error or problem
        return self._pages.page(
            request,
            "senders.html",
            error=error,
            fields=_FIELDS,
            found=found,
            form=form,
            search=search,
            sending=[channel.value for channel in Known if channel.facts.needs_address],
        )
