"""Fragments, fetched and taken into the texts of what is saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from pulse.common.v1 import fragment_pb2
from pulse.ledger.v1 import ledger_reader_pb2
from services.gateway.peers import ask
from services.gateway.rules.fragment_choice import FragmentText, Wanted, choose
from services.gateway.sending.heavy_work import HeavyWork
from shared.channel.numbers import channel_of
from shared.errors import PulseError, invalid_field, together
from shared.text.error_bounds import quoted
from shared.text.fragment_marks import WeavingError, marked, may_take_in
from shared.text.rendering import Text
from shared.text.weaving import Weaver

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

#: Most fragments that all texts of one template take in.
MOST_FRAGMENTS = 100

Fragments = Mapping[str, fragment_pb2.Fragment]


class Applied(NamedTuple):
    """A fragment that is about to be saved, for a template that keeps all else that it takes in as it was."""

    fragment: fragment_pb2.Fragment
    #: The template's fragments before, by name.
    versions: Mapping[str, int]


class Owner(NamedTuple):
    """Whose the texts are that take fragments in."""

    tenant_id: str
    #: The template's; "" of a fragment, which has none.
    channel: str
    default_locale: str
    #: Of the field that holds the contents.
    path: str
    #: Whether it may be a layout, whose blocks others fill.
    is_fragment: bool = False


class TakenIn(NamedTuple):
    """Texts with their fragments woven in, and these fragments' versions by name."""

    texts: Sequence[Text]
    versions: Mapping[str, int]


class TakingIn:
    """Weaves fragments into texts; what takes none in costs nothing."""

    def __init__(self, reader: LedgerReaderAsyncStub, heavy: HeavyWork) -> None:
        self._reader = reader
        self._heavy = heavy

    async def into(self, texts: Sequence[Text], owner: Owner, applied: Applied | None = None) -> TakenIn:
        """The texts with all that they take in, each at its newest version, unless something is ``applied``.

        Raises INVALID_ARGUMENT that names each text that cannot be woven.
        """
        taking = {n: parts for n, text in enumerate(texts) if (parts := _taking(text))}
        if not taking:
            return TakenIn(texts, {})
        sources = [source for parts in taking.values() for source in parts.values()]
        found = await self._closure(owner, sources, applied)
        woven, refusals = [*texts], []
        for n, parts in taking.items():
            try:
                woven[n] = await self._woven(texts[n], parts, owner, found, f"{owner.path}[{n}]")
            except PulseError as error:
                refusals.append(error)
        if refusals:
            raise together(refusals)
        return TakenIn(woven, {name: one.version for name, one in sorted(found.items())})

    async def _woven(self, text: Text, parts: Mapping[str, str], owner: Owner, found: Fragments, path: str) -> Text:
        lacking: set[str] = set()
        find = partial(_find, found, _wanted(text, owner), lacking)
        weaver = Weaver(find, fills_blocks=not owner.is_fragment)
        made, refusals = {}, []
        for part, source in parts.items():
            try:
                made[part] = await self._heavy.do(owner.tenant_id, partial(weaver.woven, source))
            except WeavingError as error:
                refusals.append(invalid_field(f"{path}.{part}", error.reason, error.message))
        if refusals:
            raise together(refusals)
        return replace(text, woven=made, lacking_fragments=sorted(lacking))

    async def _closure(self, owner: Owner, sources: Sequence[str], applied: Applied | None) -> Fragments:
        """All fragments that the sources take in, and those that these take in."""
        found: dict[str, fragment_pb2.Fragment] = {}
        asked: set[str] = set()
        wanted = await self._names(owner.tenant_id, sources)
        while wanted:
            asked |= wanted
            if len(asked) > MOST_FRAGMENTS:
                raise invalid_field(owner.path, "TOO_MANY_FRAGMENTS", f"take in more than {MOST_FRAGMENTS} fragments")
            new = await self._fetched(owner.tenant_id, wanted, applied)
            found |= {one.name: one for one in new}
            bodies = [content.body for one in new for content in one.contents]
            wanted = await self._names(owner.tenant_id, bodies) - asked
        return found

    async def _fetched(self, tenant_id: str, names: set[str], applied: Applied | None) -> list[fragment_pb2.Fragment]:
        found = [applied.fragment] if applied and applied.fragment.name in names else []
        for one in await self.newest(tenant_id, names - {one.name for one in found}):
            version = applied.versions.get(one.name, one.version) if applied else one.version
            found.append(one if version == one.version else await self._at_version(tenant_id, one.name, version))
        return found

    async def _at_version(self, tenant_id: str, name: str, version: int) -> fragment_pb2.Fragment:
        request = ledger_reader_pb2.GetFragmentRequest(tenant_id=tenant_id, name=name, version=version)
        return (await ask(self._reader.GetFragment, request)).fragment

    async def newest(self, tenant_id: str, names: Iterable[str]) -> list[fragment_pb2.Fragment]:
        """Those of them that are in use."""
        found: list[fragment_pb2.Fragment] = []
        left = sorted(names)
        while left:
            request = ledger_reader_pb2.GetFragmentsRequest(tenant_id=tenant_id, names=left)
            answer = await ask(self._reader.GetFragments, request)
            found += answer.fragments
            left = [*answer.left]
        return found

    async def _names(self, tenant_id: str, sources: Iterable[str]) -> set[str]:
        names: set[str] = set()
        for source in sources:
            if may_take_in(source):
                names |= await self._heavy.do(tenant_id, partial(names_in, source))
        return names


def names_in(source: str) -> set[str]:
    """The fragments that a text takes in itself; of one that cannot be read, weaving will tell."""
    try:
        return marked(source).names()
    except WeavingError:
        return set()


def _taking(text: Text) -> Mapping[str, str]:
    return {part: source for part, source in text.parts().items() if may_take_in(source)}


def _wanted(text: Text, owner: Owner) -> Wanted:
    return Wanted(text.channel, text.locale, owner.channel, owner.default_locale or "en")


def _find(found: Fragments, wanted: Wanted, lacking: set[str], name: str) -> str:
    fragment = found.get(name)
    if fragment is None:
        raise WeavingError("FRAGMENT_NOT_FOUND", f"takes in the fragment {quoted(name)}, which is not there")
    chosen = choose([*_texts(fragment)], wanted)
    if chosen is None:
        by = wanted.channel or wanted.own_channel
        raise WeavingError("FRAGMENT_NOT_FIT", f"takes in the fragment {quoted(name)}, which says nothing by {by}")
    if chosen.is_other_language:
        lacking.add(name)
    return chosen.text.body


def _texts(fragment: fragment_pb2.Fragment) -> Iterable[FragmentText]:
    for content in fragment.contents:
        channel = channel_of(content.channel)
        if channel or not content.channel:
            yield FragmentText(channel or "", content.locale, content.body)
