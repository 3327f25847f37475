"""A digest tells as many entries as fit, and says how many it left out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from services.delivery.worker import digest_fitting
from shared.text.channel_bounds import LARGEST_PUSH, LONGEST_SMS, push_bytes, push_payload, sms_length
from shared.text.rendering import CompiledTemplate, Rendered, RenderError, Text
from tests.delivery.outgoing import claim

COUNTED = "{{ digest.count }}-{{ digest.omitted }}: "
NESTED = "{% for e in digest.entries %}{% for i in e.items %}{{ i }},{% endfor %}{% endfor %}"


def digest(entries: list[dict[str, Any]], count: int = 0) -> dict[str, Any]:
    """As the ledger puts it together."""
    count = count or len(entries)
    return {**entries[0], "digest": {"count": count, "omitted": count - len(entries), "entries": entries}}


async def told(
    body: str, context: Mapping[str, Any], channel: str = "EMAIL", said: Mapping[str, Any] | None = None
) -> Rendered:
    template = CompiledTemplate([Text("", "", "", body, "")], "en")
    return await digest_fitting.render(template, claim(channel=channel, said=said or {}), context)


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


#: How one entry alone can be too much: its channel, what is told of each, and what makes it too much.
TOO_MUCH_ALONE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "for an SMS": ("SMS", "", {"text": "x" * (LONGEST_SMS + 1)}),
    "for an SMS in UCS-2": ("SMS", "", {"text": "ä😀" * (LONGEST_SMS // 2)}),
    "for a push": ("PUSH", "", {"text": '"' * LARGEST_PUSH}),
    "in rounds": ("EMAIL", "{% for i in (1..e.most) %}{% endfor %}", {"most": 2000}),
    "in text": ("EMAIL", "{{ e.text | escape }}", {"text": "<" * 100_000}),
    "as it lacks a variable": ("EMAIL", "{{ e.who.name }}", {"who": {}}),
}


@pytest.mark.parametrize(
    "places",
    [[0], [5], [49], [0, 1], [10, 11, 12, 40], [*range(0, 50, 2)], [*range(48)]],
    ids=["first", "sixth", "last", "first two", "some", "every other", "all but two"],
)
@pytest.mark.parametrize("kind", TOO_MUCH_ALONE)
async def test_an_entry_that_is_too_much_alone_is_left_out_and_the_others_are_told(
    kind: str, places: list[int]
) -> None:
    channel, each, too_much = TOO_MUCH_ALONE[kind]
    usual = {"text": "", "most": 1, "who": {"name": ""}}
    entries = [{**usual, "n": n, **(too_much if n in places else {})} for n in range(50)]
    each = each or "{{ e.text }}"
    rendered = await told(
        COUNTED + "{% for e in digest.entries %}" + each + "{{ e.n }},{% endfor %}", digest(entries, 60), channel
    )
    others = [str(n) for n in range(50) if n not in places]
    assert rendered.body == f"60-{10 + len(places)}: " + "".join(f"{n}," for n in others)


async def test_entries_too_much_alone_do_not_count_among_those_that_fit() -> None:
    """Of the others, the oldest are told."""
    entries = [{"text": str(n % 10) * (2000 if n % 7 == 0 else 100)} for n in range(90)]
    rendered = await told(COUNTED + "{% for e in digest.entries %}{{ e.text }}{% endfor %}", digest(entries), "SMS")
    oldest = [entry["text"] for entry in entries if len(entry["text"]) == 100][:15]
    assert rendered.body == "90-75: " + "".join(oldest)


@pytest.mark.parametrize("too_much", [{"text": "x" * 2000}, {"other": ""}], ids=["too long", "without its variable"])
async def test_what_stands_outside_the_entries_is_the_first_one_s_that_is_told(too_much: dict[str, Any]) -> None:
    entries = [{**too_much, "from": "Ann"}, {"text": "a"}, {"text": "b", "from": "Bob"}]
    rendered = await told(COUNTED + "{{ text }}{{ from | default: '' }} and others", digest(entries), "SMS")
    assert rendered.body == "3-1: a and others"


class Counted(CompiledTemplate):
    """Counts how often it is rendered, and with how many entries in all."""

    def __init__(self, body: str) -> None:
        super().__init__([Text("", "", "", body, "")], "en")
        self.times = self.entries = 0

    def render(self, channel: str, locale: str, context: Mapping[str, Any]) -> Rendered:
        self.times += 1
        self.entries += len(context["digest"]["entries"])
        return super().render(channel, locale, context)


@pytest.mark.parametrize(
    ("left_out", "times", "entries"),
    [([7], 20, 400), ([0, 99], 40, 600), ([*range(0, 100, 2)], 220, 1200), ([*range(100)], 220, 1200)],
    ids=["one", "two", "every other", "all"],
)
async def test_entries_are_left_out_without_trying_all_with_all(left_out: list[int], times: int, entries: int) -> None:
    template = Counted("{% for e in digest.entries %}{{ e.text }}{% endfor %}")
    given = digest([{"text": "x" * (2000 if n in left_out else 1)} for n in range(100)])
    await digest_fitting.render(template, claim(channel="SMS"), given)
    assert template.times <= times and template.entries <= entries


@pytest.mark.parametrize("reason", ["MISSING_VARIABLE", "RENDER_LIMIT"])
async def test_what_cannot_be_told_at_all_says_why(reason: str) -> None:
    endless = "{% for a in (1..900) %}{% for b in (1..900) %}.{% endfor %}{% endfor %}"
    body = endless if reason == "RENDER_LIMIT" else "{{ who }}"
    for context in (digest([{"n": 1}] * 5), digest([{"n": 1}]), {"n": 1}):
        with pytest.raises(RenderError, match=reason):
            await told(body, context)


@pytest.mark.parametrize(
    "own",
    [
        {"entries": [1, 2, 3]},
        {"count": 3, "entries": [1, 2, 3]},
        {"count": 3, "omitted": 0, "entries": [1, 2, 3]},
        [1, 2, 3],
        "text",
        None,
    ],
)
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


async def test_as_many_segments_are_told_as_are_asked_for_and_counted_as_they_are_sent() -> None:
    """Each entry takes a segment by itself, in the short alphabet."""
    body, context = COUNTED + "{% for e in digest.entries %}{{ e.text }}{% endfor %}", digest([{"text": "ł" * 100}] * 9)
    rendered = await told(body, context, "SMS", {"sms": {"max_segments": 2, "transliterate": True}})
    assert omitted(rendered) == (9, 6)
    assert omitted(await told(body, context, "SMS", {"sms": {"max_segments": 10}})) == (9, 3)
    assert omitted(await told(body, context, "SMS")) == (9, 0)
