"""What an SMS takes, and how it is written in the letters of its short alphabet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text.sms_segments import BASIC, EXTENDED, is_gsm_7, measure
from shared.text.transliteration import transliterated

SMILE = "\U0001f600"


@pytest.mark.parametrize(
    ("text", "segments", "unicode_character"),
    [
        ("", 1, ""),
        ("a" * 160, 1, ""),
        ("a" * 161, 2, ""),
        ("a" * 306, 2, ""),
        ("a" * 307, 3, ""),
        ("a" * 459, 3, ""),
        ("a" * 1530, 10, ""),
        ("a" * 1531, 11, ""),
        # Characters of the extension take two septets.
        ("€" * 80, 1, ""),
        ("€" * 81, 2, ""),
        ("a" * 158 + "{", 1, ""),
        ("a" * 159 + "{", 2, ""),
        # 153 is odd: the escape pair at the end of a segment goes whole into the next.
        ("€" * 152, 2, ""),
        ("€" * 153, 3, ""),
        ("a" * 152 + "€" + "a" * 151, 2, ""),
        ("a" * 152 + "€" + "a" * 152, 3, ""),
        ("é" * 160, 1, ""),
        ("ÄÖÑÜ§¿äöñüàÅåÆæßÉØøÇ", 1, ""),
        ("\n\r\f", 1, ""),
        # What looks as if it were in it, and is not.
        ("ç", 1, "ç"),
        ("`", 1, "`"),
        ("\t", 1, "\t"),
        ("it’s", 1, "’"),
        ("a\u00a0b", 1, "\u00a0"),
        ("e\u0301", 1, "\u0301"),
        ("ê" * 70, 1, "ê"),
        ("ê" * 71, 2, "ê"),
        ("ê" * 134, 2, "ê"),
        ("ê" * 135, 3, "ê"),
        ("x" * 160 + "ł", 3, "ł"),
        ("€" * 69 + "ł", 1, "ł"),
        ("€" * 70 + "ł", 2, "ł"),
        (SMILE * 35, 1, SMILE),
        (SMILE * 36, 2, SMILE),
        # 67 is odd as well: 33 pairs a segment.
        (SMILE * 66, 2, SMILE),
        (SMILE * 67, 3, SMILE),
        ("ж" * 66 + SMILE + "ж" * 65, 2, "ж"),
        ("ж" * 66 + SMILE + "ж" * 66, 3, "ж"),
        ("a" * 159 + SMILE, 3, SMILE),
    ],
)  # fmt: skip
def test_segments_are_those_that_are_paid_for(text: str, segments: int, unicode_character: str) -> None:
    size = measure(text)
    assert (size.segments, size.unicode_character) == (segments, unicode_character)
    assert size.encoding == ("UCS_2" if unicode_character else "GSM_7")


def test_the_alphabet_is_that_of_3gpp_23_038() -> None:
    assert (len(BASIC), len(EXTENDED)) == (127, 10), "128 with the escape"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Łódź", "Lodz"),
        ("Zażółć gęślą jaźń", "Zazolc gesla jazn"),
        ("Москва", "Moskva"),
        ("“Hi” – it’s…", '"Hi" - it\'s...'),
        ("a\u00a0b\u2028c", "a b c"),
        ("tab\there `code`", "tab here 'code'"),
        ("Français", "Francais"),
        ("Straẞe œuvre", "StraSse oeuvre"),
        ("½ ™ • №", "1/2 TM * No"),
        (SMILE, ":grinning:"),
        ("\U0001f44d\U0001f3fd", ":thumbsup:"),
        ("a\u200db\u200e\ufe0f\x01c", "abc"),
        # What the alphabet has stays, and is not written anew.
        ("é ü ñ ß Å Ω € £ { } [ ] ~ ^ | \\", "é ü ñ ß Å Ω € £ { } [ ] ~ ^ | \\"),
        ("ê é €", "e é €"),
        # Letter and accent apart are the one that the alphabet has; Ohm and Angstrom are letters of it.
        ("e\u0301 u\u0308 \u2126 \u212b", "é ü Ω Å"),
        ("l\u0336", "l"),
        ("日本", "RiBen"),
        ("", ""),
        # Nobody knows letters for these.
        ("a\ue000b", "a\ue000b"),
        ("ł\U00012000", "l\U00012000"),
    ],
)
def test_what_the_short_alphabet_lacks_is_written_in_its_letters(text: str, written: str) -> None:
    assert transliterated(text) == written


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Co", "Cn"], max_codepoint=0xFFFF)))
def test_all_that_people_write_fits_the_short_alphabet_and_is_written_once(text: str) -> None:
    written = transliterated(text)
    assert all(map(is_gsm_7, written)) and transliterated(written) == written


@given(st.text(max_size=400))
def test_no_count_is_below_what_the_text_weighs(text: str) -> None:
    size = measure(text)
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    septets = len(text) + sum(sign in EXTENDED for sign in text)
    each = 67 if size.unicode_character else 153
    assert size.segments == 1 or size.segments >= (units if size.unicode_character else septets) / each
