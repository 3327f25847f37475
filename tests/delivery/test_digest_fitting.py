"""A digest tells as many entries as fit, and says how many it left out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from services.delivery import digest_fitting
from shared.channel_bounds import LARGEST_PUSH, LONGEST_SMS, push_bytes, push_payload, sms_length
from shared.rendering import CompiledTemplate, Rendered, RenderError, Text
from tests.delivery.outgoing import claim

COUNTED = "{{ digest.count }}-{{ digest.omitted }}: "
NESTED = "{% for e in digest.entries %}{% for i in e.items %}{{ i }},{% endfor %}{% endfor %}"


def digest(entries: list[dict[str, Any]], count: int = 0) -> dict[str, Any]:
    """As the ledger puts it together."""
    count = count or len(entries)
    return {**entries[0], "digest": {"count": count, "omitted": count - len(entries), "entries": entries}}


async def told(body: str, context: Mapping[str, Any], channel: str = "EMAIL") -> Rendered:
    template = CompiledTemplate([Text("", "", "", body, "")], "en")
    return await digest_fitting.render(template, claim(channel=channel), context)


def omitted(rendered: Rendered) -> tuple[int, int]:
    """How many the text says there are, and are left out."""
    count, _, left_out = rendered.body.partition(":")[0].partition("-")
    return int(count), int(left_out)


@pytest.mark.parametrize(
    ("body", "entry", "count"),
    [
        (NESTED, {"items": [*range(20)]}, 60),
        ("{% for e in digest.entries %}{{ e.text }}{% endfor %}", {"text": "ä" * 6000}, 60),
        ("{% for e in digest.entries %}{{ e.text | escape }}{% endfor %}", {"text": "<" * 2500}, 100),
        ("{% for a in digest.entries %}{% for b in digest.entries %}.{% endfor %}{% endfor %}", {"n": 1}, 100),
    ],
    ids=["nested loops", "long texts", "texts that grow", "each with each"],
)  # fmt: skip
async def test_what_is_too_much_together_is_told_as_far_as_it_goes(
    body: str, entry: dict[str, Any], count: int
) -> None:
    with pytest.raises(RenderError, match="RENDER_LIMIT"):
        CompiledTemplate([Text("", "", "", body, "")], "en").render("EMAIL", "", digest([entry] * count))
    rendered = await told(COUNTED + body, digest([entry] * count))
    total, left_out = omitted(rendered)
    assert total == count and 0 < left_out < count
    # One more would have been too much.
    with pytest.raises(RenderError, match="RENDER_LIMIT"):
        more = digest([entry] * (count - left_out + 1), count)
        CompiledTemplate([Text("", "", "", COUNTED + body, "")], "en").render("EMAIL", "", more)


async def test_what_the_ledger_left_out_counts_too() -> None:
    body = COUNTED + NESTED
    few, many = [await told(body, digest([{"items": [*range(20)]}] * 60, count)) for count in (60, 90)]
    assert omitted(many) == (90, omitted(few)[1] + 30)


@pytest.mark.parametrize(("channel", "sign"), [("SMS", "x"), ("SMS", "😀"), ("PUSH", "x"), ("PUSH", '"')])
async def test_no_more_is_told_than_the_channel_carries(channel: str, sign: str) -> None:
    body = COUNTED + "{% for e in digest.entries %}{{ e.text }}{% endfor %}"
    rendered = await told(body, digest([{"text": sign * 100}] * 90), channel)
    assert sms_length(rendered.body) <= LONGEST_SMS or channel == "PUSH"
    assert push_bytes(push_payload("1", "", rendered.body)) <= LARGEST_PUSH
    assert omitted(rendered)[1] > 0
    assert len((await told(body, digest([{"text": sign * 100}] * 90))).body) > len(rendered.body)


async def test_an_entry_that_cannot_be_told_does_not_take_the_others_with_it() -> None:
    """It was accepted for another template of its category, which asks for other variables."""
    entries: list[dict[str, Any]] = [{"n": 1}, {"n": 2}, {"other": 1}, {"n": 3}, {"n": "no number"}, {"n": 4}]
    body = COUNTED + "{% for e in digest.entries %}{{ e.n | times: 2 }},{% endfor %}"
    rendered = await told(body, digest(entries))
    assert rendered.body == "6-2: 2,4,6,8,"


@pytest.mark.parametrize("reason", ["MISSING_VARIABLE", "RENDER_LIMIT"])
async def test_what_cannot_be_told_at_all_says_why(reason: str) -> None:
    endless = "{% for a in (1..900) %}{% for b in (1..900) %}.{% endfor %}{% endfor %}"
    body = endless if reason == "RENDER_LIMIT" else "{{ who }}"
    for context in (digest([{"n": 1}] * 5), digest([{"n": 1}]), {"n": 1}):
        with pytest.raises(RenderError, match=reason):
            await told(body, context)


@pytest.mark.parametrize("own", [{"entries": [1, 2, 3]}, {"count": 3, "entries": [1, 2, 3]}, [1, 2, 3], "text", None])
async def test_a_caller_s_own_variable_of_that_name_is_left_alone(own: Any) -> None:
    body = "{% for a in (1..900) %}{% for b in (1..900) %}.{% endfor %}{% endfor %}"
    with pytest.raises(RenderError, match="RENDER_LIMIT"):
        await told(body, {"digest": own})


async def test_entries_that_each_take_long_do_not_take_a_lease_together() -> None:
    """Each alone is within the bounds of a template; together they are tried for some seconds at most."""
    heavy = "{% assign n = (1..9999) | join: ',' | split: ',' | uniq %}"
    body = "{% for e in digest.entries %}{{ e.name }}" + heavy + "{% endfor %}"
    began = time.monotonic()
    rendered = await told(COUNTED + body, digest([{"nick": "Bob"}] + [{"name": "Ann"}] * 300))
    assert time.monotonic() - began < 10
    assert omitted(rendered)[1] > 200
