"""What a gateway would refuse a template for, as far as that can be told without one: by the same rules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from pulse.common.v1.template_pb2 import Template
from services.cli.template_folder.converting import LocalTemplate
from services.cli.template_folder.problem import Problem
from services.gateway.rules.addresses import Addresses
from services.gateway.rules.contents import check_contents
from shared.channel import template_rules
from shared.channel.numbers import channel_of
from shared.channel.texts import texts
from shared.errors import PulseError
from shared.rpc.validation import check
from shared.text.fragment_marks import may_take_in
from shared.text.rendering import Text


def broken(local: LocalTemplate) -> list[Problem]:
    """All that is wrong with it."""
    try:
        _check(local.template)
    except PulseError as error:
        return refused(local, error.reason, error.message, [(one.field, one.description) for one in error.violations])
    return []


def refused(local: LocalTemplate, reason: str, message: str, violations: list[tuple[str, str]]) -> list[Problem]:
    """A refusal's fields by their places in the folder; the template itself where it names none."""
    if not violations:
        return [local.at("", f"{reason}: {message}")]
    return [local.at(field.removeprefix("template."), f"{reason}: {words}") for field, words in violations]


def _check(template: Template) -> None:
    check(template)
    template_rules.check_size(template)
    channel = channel_of(template.channel)
    asyncio.run(
        check_contents(
            [_without_fragments(text) for text in texts(template.contents, template.default_locale)],
            channel=channel or "",
            default_locale=template.default_locale,
            path="contents",
            do=_at_once,
            # A gateway of development takes mail addresses under .test; what it is cannot be told from here.
            addresses=Addresses(test_domains=True),
        )
    )


def _without_fragments(text: Text) -> Text:
    """The text without its parts that take fragments in: what these say, a gateway knows."""
    return replace(text, woven={part: "" for part, source in text.parts().items() if may_take_in(source)})


async def _at_once(work: Callable[[], frozenset[str]]) -> frozenset[str]:
    return work()
