"""A template as the ledger stores it: checked, its fragments taken in, what Pulse makes itself filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from pulse.common.v1 import template_pb2
from services.gateway import wire
from services.gateway.rules.addresses import Addresses
from services.gateway.rules.contents import check_contents
from services.gateway.sending.heavy_work import HeavyWork
from services.gateway.sending.mail_html import MailHtml
from services.gateway.sending.senders import Senders
from services.gateway.sending.taking_in import Applied, Owner, TakingIn
from shared.channel import template_rules
from shared.channel.texts import known_contents, texts
from shared.text.rendering import Text

_MADE_BY_PULSE = ("version", "create_time", "update_time", "variables", "fragments")


class Tried(NamedTuple):
    """What became of a template's contents, the names that a context must hold, and the fragments' versions by name."""

    texts: Sequence[Text]
    variables: Sequence[str]
    fragments: Mapping[str, int]


class TemplateMaking:
    """Makes what is kept out of what callers give."""

    def __init__(self, taking_in: TakingIn, heavy: HeavyWork, addresses: Addresses, senders: Senders) -> None:
        self._taking_in = taking_in
        self._heavy = heavy
        self._addresses = addresses
        self._senders = senders
        self._mail_html = MailHtml(heavy)

    async def to_keep(
        self,
        tenant_id: str,
        given: template_pb2.Template,
        path: str = "template.contents",
        applied: Applied | None = None,
    ) -> template_pb2.Template:
        """The next version, with the fragment that is ``applied``. Raises INVALID_ARGUMENT."""
        tried = await self.tried(tenant_id, given, path, applied)
        kept = template_pb2.Template()
        kept.CopyFrom(given)
        for name in _MADE_BY_PULSE:
            kept.ClearField(name)  # type: ignore[arg-type]
        for content, text in zip(known_contents(kept.contents), tried.texts, strict=True):
            content.ClearField("compiled")
            if text.woven:
                compiled = template_pb2.CompiledTexts(texts=text.woven, missing_fragments=text.lacking_fragments)
                content.compiled.CopyFrom(compiled)
        for name, version in tried.fragments.items():
            kept.fragments.add(name=name, version=version)
        if window := wire.length(given, "digest_window"):
            kept.digest_window.CopyFrom(window)
        kept.variables.extend(tried.variables)
        template_rules.check_size(kept)
        return kept

    async def tried(
        self,
        tenant_id: str,
        given: template_pb2.Template,
        path: str,
        applied: Applied | None = None,
    ) -> Tried:
        """What is rendered of a template that is not stored. Raises INVALID_ARGUMENT."""
        owner = Owner(tenant_id, wire.channel(given.channel), given.default_locale, path)
        taken_in = await self._taking_in.into(_as_given(given), owner, applied)
        made = await self._mail_html.ready(taken_in.texts, owner)
        variables = await self._check(made, owner)
        return Tried(made, wire.left_to_callers(given, variables), taken_in.versions)

    async def _check(self, contents: Sequence[Text], owner: Owner) -> frozenset[str]:
        """The names a context must hold; INVALID_ARGUMENT for contents that cannot be kept."""
        variables = await check_contents(
            contents,
            channel=owner.channel,
            default_locale=owner.default_locale,
            path=owner.path,
            do=partial(self._heavy.do, owner.tenant_id),
            addresses=self._addresses,
        )
        await self._senders.check(owner.tenant_id, contents, owner.path)
        return variables


def _as_given(given: template_pb2.Template) -> list[Text]:
    """Its contents' texts as they were written: what was made of them before, or by somebody else, does not count."""
    return [replace(text, woven={}, lacking_fragments=()) for text in texts(given.contents, given.default_locale)]


def as_shown(stored: template_pb2.Template) -> template_pb2.Template:
    """What callers get of a template: what is rendered in the place of its texts is Pulse's own."""
    if not any(content.HasField("compiled") for content in stored.contents):
        return stored
    shown = template_pb2.Template()
    shown.CopyFrom(stored)
    for content in shown.contents:
        content.ClearField("compiled")
    return shown
