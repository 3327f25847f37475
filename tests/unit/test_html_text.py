"""The text that is made of a mail's HTML: what a reader would read, at a bounded cost whatever the HTML is."""

from __future__ import annotations

import time

import pytest

from shared.text.html_text import completed, text_of_html
from shared.text.liquid.bounds import MAX_OUTPUT
from shared.text.rendering import Rendered

LETTER = """<html><head><title>Not shown</title><style>p { color: red }</style></head><body><!-- nor this -->
<h1>Hi &amp; welcome</h1><p>Click <a href="https://x.example.com/?a=1&amp;b=2" onclick="run()">here</a></p>
<table width="9999"><tr><td>Tea</td><td>3 EUR</td></tr><tr><td>Cake</td><td>4 EUR</td></tr></table>
<ul><li>one<li>two</ul><img alt="our logo" src="cid:logo"><script>run()</script></body></html>"""

READ = """Hi & welcome

Click [here](https://x.example.com/?a=1&b=2)

Tea 3 EUR
Cake 4 EUR
  * one
  * two"""


def test_a_letter_is_read_as_a_reader_would() -> None:
    assert text_of_html(LETTER) == READ


def test_a_text_of_its_own_is_left_as_it_is() -> None:
    own = Rendered("s", "own", "<p>other", "en")
    assert completed(own) is own
    assert completed(Rendered("s", "", "<p>other", "en")).body == "other"
    assert completed(Rendered("s", "", "", "en")).body == ""


_HOSTILE = {
    "lines beside cells": "<table><tr><td>" + "<br>" * 1_900 + "<td>" * 1_900,
    "lines beside cells beyond bounds": "<table><tr><td>" + "<br>" * 20_000 + "<td>" * 20_000,
    "a margin of a billion lines": "<p style='margin-top: 999999999em'>x",
    "an indent of a billion blanks": "<p style='padding-left: 999999999em'>x",
    "long numbers": "<ol><li value=" + "9" * 4_000 + ">" + "<li>" * 3_900,
    "nested lists": "<ul><li>" * 1_900 + "<br>x" * 100,
    "lines in nested lists": "<ul><li>" * 8 + "<br>x" * 3_900,
    "nested quotes": "<blockquote>" * 200 + "x<br>" * 3_700,
    "nested tables": "<table><tr><td>" * 1_300,
    "open comments": "<!--" * 65_000,
    "open styles": "<style>" * 37_000,
    "styles": "<style></style>x" * 1_900,
    "links": "<a href='" + "x" * 60_000 + "'>" + "</a><a>" * 1_900,
    "paragraphs": "<p>x" * 3_999,
    "signs": "<" * MAX_OUTPUT,
    "entities": "&" * MAX_OUTPUT,
    "nested marks": "<b>x" * 65_000,
    "nothing": " ",
    "a NUL": "a\0b",
    "half a letter": "a\ud83db",
    "no HTML at all": "just words",
    "an XML declaration": "<?xml version='1.0' encoding='utf-8'?><p>x</p>",
    "an entity of its own": "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><p>&a;</p>",
}


@pytest.mark.parametrize("html", _HOSTILE.values(), ids=_HOSTILE.keys())
def test_whatever_the_html_is_its_text_is_bounded_in_time_and_length(html: str) -> None:
    began = time.process_time()
    text = text_of_html(html)
    assert time.process_time() - began < 0.5
    assert len(text) <= MAX_OUTPUT
    assert "root:" not in text
