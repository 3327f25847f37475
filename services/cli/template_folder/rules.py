"""What a gateway would refuse a folder for, as far as that can be told without one: by the same rules."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from pulse.common.v1.fragment_pb2 import Fragment
from pulse_client import PulseError
from services.cli.template_folder.folder import Folder
from services.cli.template_folder.local import Local
from services.cli.template_folder.problem import Problem
from services.gateway.rules.addresses import Addresses
from services.gateway.sending.fragment_making import FragmentMaking
from services.gateway.sending.heavy_work import HeavyWork
from services.gateway.sending.taking_in import TakingIn
from services.gateway.sending.template_making import TemplateMaking
from shared import errors
from shared.rpc.validation import check

#: No tenant's.
_NOBODY = ""


class _Here(TakingIn):
    """Takes in fragments that are at hand."""

    def __init__(self, fragments: Mapping[str, Fragment]) -> None:
        nobody: Any = None
        super().__init__(nobody, HeavyWork())
        self._fragments = fragments

    async def newest(self, tenant_id: str, names: Iterable[str]) -> list[Fragment]:
        return [self._fragments[name] for name in sorted(names) if name in self._fragments]


class _AnySender:
    """Which senders are registered only the gateway knows."""

    async def check(self, *_: object) -> None:
        return


def broken(folder: Folder, elsewhere: Mapping[str, Fragment]) -> list[Problem]:
    """All that is wrong with it; ``elsewhere`` are fragments that it may take in beside its own."""
    return asyncio.run(_broken(folder, elsewhere))


def refused(local: Local[Any], error: PulseError) -> list[Problem]:
    """A refusal's fields by their places in the folder; the whole of it where it names none."""
    return _told(local, error.reason, error.message, [(one.field, one.description) for one in error.violations])


async def _broken(folder: Folder, elsewhere: Mapping[str, Fragment]) -> list[Problem]:
    here = {**elsewhere, **{name: local.message for name, local in folder.fragments.items()}}
    taking_in, any_sender = _Here(here), _AnySender()
    senders: Any = any_sender
    # A gateway of development takes mail addresses under .test; what it is cannot be told from here.
    templates = TemplateMaking(taking_in, HeavyWork(), Addresses(test_domains=True), senders)
    fragments = FragmentMaking(taking_in, HeavyWork())
    problems: list[Problem] = []
    makings: list[tuple[Any, Mapping[str, Local[Any]]]] = [(fragments, folder.fragments), (templates, folder.templates)]
    for making, every in makings:
        for local in every.values():
            try:
                check(local.message)
                await making.to_keep(_NOBODY, local.message)
            except errors.PulseError as error:
                violations = [(one.field, one.description) for one in error.violations]
                problems += _told(local, error.reason, error.message, violations)
    return problems


def _told(local: Local[Any], reason: str, message: str, violations: Iterable[tuple[str, str]]) -> list[Problem]:
    fields = [(field.removeprefix("template.").removeprefix("fragment."), words) for field, words in violations]
    return [local.at(field, f"{reason}: {words}") for field, words in fields or [("", message)]]
