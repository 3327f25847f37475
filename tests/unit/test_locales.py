"""A reader gets the language that is nearest to what was asked for."""

from __future__ import annotations

import pytest

from shared.text.locales import nearest
from shared.text.rendering import CompiledTemplate, Text


@pytest.mark.parametrize(
    ("wanted", "offered", "found"),
    [
        ("zh-Hant-TW", ["zh", "zh-Hant"], "zh-Hant"),
        ("zh-Hant-TW", ["zh-Hant", "zh", "zh-Hant-TW"], "zh-Hant-TW"),
        ("zh-Hant-TW", ["zh-Hant-HK", "zh"], "zh"),
        ("zh-hant-tw", ["en", "zh", "ZH-HANT"], "ZH-HANT"),
        ("ZH-HANT", ["en", "zh", "zh-Hant-TW"], "zh"),
        ("sr-Latn-RS", ["sr", "sr-Cyrl", "sr-Latn"], "sr-Latn"),
        ("de-CH-1996", ["de", "de-CH"], "de-CH"),
        ("de-1996", ["en", "de"], "de"),
        ("pt-BR", ["pt-PT", "en"], "en"),
        ("en", ["en-GB", "de"], "en-GB"),  # no look-up goes from the shorter to the longer: the first there is
        # A single letter never stands last: it only introduces what follows it.
        ("de-CH-u-co-phonebk", ["de", "de-CH"], "de-CH"),
        ("zh-Hant-CN-x-private1-private2", ["zh", "zh-Hant-CN-x-private1"], "zh-Hant-CN-x-private1"),
        ("zh-Hant-CN-x-private1", ["zh", "zh-Hant-CN-x", "zh-Hant-CN"], "zh-Hant-CN"),
        ("de-a-b-c", ["en", "de"], "de"),
        ("fr", ["de", "en"], "en"),
        ("", ["de", "en"], "en"),
        ("fr", ["de", "es"], "de"),
    ],
)
def test_a_template_speaks_the_nearest_language(wanted: str, offered: list[str], found: str) -> None:
    template = CompiledTemplate([Text("", locale, "", locale, "") for locale in offered], "en")
    rendered = template.render("EMAIL", wanted, {})
    assert (rendered.body, rendered.locale) == (found, found)


def test_what_is_wanted_first_is_looked_up_to_its_end_before_the_next() -> None:
    assert nearest(["zh-Hant-TW", "en"], ["en", "zh"]) == 1
    assert nearest(["fr", "en-GB"], ["de", "en"]) == 1
    assert nearest(["fr"], ["de", "en"]) is None
    assert nearest(["de-x", "-", "--", "-de"], ["de"]) == 0
    assert nearest(["", "-", "-de"], ["de"]) is None


def test_the_default_is_looked_up_too_and_stands_for_a_text_without_language() -> None:
    american = CompiledTemplate([Text("", "de", "", "de", ""), Text("", "en", "", "en", "")], "en-US")
    assert american.render("EMAIL", "fr-CA", {}).body == "en"
    traditional = CompiledTemplate([Text("", "zh", "", "zh", ""), Text("", "", "", "default", "")], "zh-Hant")
    assert traditional.render("EMAIL", "zh-Hant-TW", {}).body == "default"


def test_an_own_text_of_the_channel_comes_before_the_better_language() -> None:
    template = CompiledTemplate([Text("", "zh-Hant", "", "any", ""), Text("SMS", "zh", "", "sms", "")], "en")
    assert template.render("SMS", "zh-Hant-TW", {}).body == "sms"
