"""Domains that imitate others with letters that look alike.

After the "highly restrictive" level of Unicode Technical Standard 39 (section 5.2), and the rule browsers
have for labels that are Cyrillic throughout but look Latin.
"""

from __future__ import annotations

import unicodedata

import idna

#: Scripts that are written together; any other mixture within a label is a disguise.
_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
#: Cyrillic and Greek small letters that most fonts draw like Latin ones.
_LATIN_LOOKALIKES = frozenset("асԁеһіјӏорԛѕԝхуъьҽпгѵѡ" + "αικνορτυχ")


def deceives(ascii_domain: str) -> bool:
    """Whether a label of the domain (in A-labels, lower case) mixes scripts or is wholly made of look-alikes."""
    if "xn--" not in ascii_domain:
        return False
    labels = idna.decode(ascii_domain).split(".")
    top_is_latin = labels[-1].isascii()
    return any(_mixes_scripts(label) or (top_is_latin and _looks_latin(label)) for label in labels)


def _mixes_scripts(label: str) -> bool:
    scripts = {_script(letter) for letter in label if letter.isalpha()}
    return len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER)


def _looks_latin(label: str) -> bool:
    letters = [letter for letter in label if letter.isalpha()]
    return bool(letters) and all(letter in _LATIN_LOOKALIKES for letter in letters)


def _script(letter: str) -> str:
    """The letter's script: the first word of its Unicode name, which is the script for every letter in IDNA."""
    return unicodedata.name(letter, "UNKNOWN").split()[0].split("-")[0]
