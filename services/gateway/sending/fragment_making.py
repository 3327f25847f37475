"""A fragment as the ledger stores it: checked, together with what it takes in itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pulse.common.v1 import fragment_pb2
from services.gateway.sending.heavy_work import HeavyWork
from services.gateway.sending.taking_in import Applied, Owner, TakingIn, names_in
from shared.channel.numbers import channel_of
from shared.errors import invalid_field, together
from shared.text.rendering import RenderError, Text, variables_in

_PATH = "fragment.contents"
_MADE_BY_PULSE = ("version", "create_time", "update_time", "fragments", "used_by")


class FragmentMaking:
    """Makes what is kept out of what callers give."""

    def __init__(self, taking_in: TakingIn, heavy: HeavyWork) -> None:
        self._taking_in = taking_in
        self._heavy = heavy

    async def to_keep(self, tenant_id: str, given: fragment_pb2.Fragment) -> fragment_pb2.Fragment:
        """The fragment as the ledger stores it. Raises INVALID_ARGUMENT that names each text that cannot be kept."""
        kept = fragment_pb2.Fragment()
        kept.CopyFrom(given)
        for name in _MADE_BY_PULSE:
            kept.ClearField(name)  # type: ignore[arg-type]
        given_texts = [
            Text(channel_of(content.channel) or "", content.locale, "", content.body, "") for content in kept.contents
        ]
        _check(given_texts)
        owner = Owner(tenant_id, "", "", _PATH, is_fragment=True)
        taken_in = await self._taking_in.into(given_texts, owner, Applied(kept, {}))
        refusals = []
        for n, text in enumerate(taken_in.texts):
            try:
                await self._heavy.do(tenant_id, partial(variables_in, "body", text))
            except RenderError as error:
                words = error.message.partition(": ")[2] or error.message
                refusals.append(invalid_field(f"{_PATH}[{n}].body", error.reason, words))
        if refusals:
            raise together(refusals)
        kept.fragments.extend(sorted(set().union(*(names_in(text.body) for text in given_texts))))
        return kept


def _check(contents: Sequence[Text]) -> None:
    refusals, seen = [], set()
    for n, text in enumerate(contents):
        if "\0" in text.body:
            refusals.append(invalid_field(f"{_PATH}[{n}].body", "CONTROL_CHARACTER", "holds a NUL character"))
        key = (text.channel, text.locale.lower())
        if key in seen:
            words = "is for the same channel and language as one before it"
            refusals.append(invalid_field(f"{_PATH}[{n}]", "CONTENT_REPEATED", words))
        seen.add(key)
    if refusals:
        raise together(refusals)
