"""How a text is written to take fewer segments, and which character it is that makes it take more."""

from __future__ import annotations

import pytest

from shared.text.sms_segments import count, outsider, transliterated


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        ("Grüße, 5 € für Zoë", "Grüße, 5 € für Zoe"),
        ("naïve façade", "naive facade"),
        ("Łódź – “quoted” …", 'Lodz - "quoted" ...'),
        ("Привет", "Privet"),
        ("a`b\tc\r\nd", "a'b c\r\nd"),
        ("", ""),
    ],
)
def test_what_the_alphabet_lacks_is_written_in_its_letters(text: str, written: str) -> None:
    assert transliterated(text) == written
    assert outsider(transliterated(text)) == ""


@pytest.mark.parametrize(
    ("text", "sign"),
    [("abc", ""), ("5 € [x]", ""), ("não", "ã"), ("façade", "ç"), ("x\U0001f600y", "\U0001f600"), ("`", "`")],
)
def test_the_first_character_that_forces_the_long_alphabet_is_told(text: str, sign: str) -> None:
    assert outsider(text) == sign


def test_one_character_more_than_doubles_what_a_text_takes() -> None:
    assert count("a" * 160) == 1
    assert count("a" * 159 + "ã") == 3
    assert count(transliterated("a" * 159 + "ã")) == 1
