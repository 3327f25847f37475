"""Unsubscribe links: only what Pulse signed is believed, under any of its keys."""

from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config import ConfigError, Settings
from shared.signing import LONGEST_TOKEN, BadToken, KeyRing, unspoilt
from shared.unsubscribe import Subscription, sign, verify

OLD, NEW = "old-key-of-the-suite", "new-key-of-the-suite"
SUBSCRIPTION = Subscription("acme", "user-1", "newsletter", "EMAIL")

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)


@given(st.builds(Subscription, TEXT, TEXT, TEXT, st.sampled_from(["EMAIL", "SMS", "PUSH"])))
def test_what_was_signed_is_read_back_from_text_that_fits_a_url(subscription: Subscription) -> None:
    token = sign(KeyRing.parse(NEW), subscription)
    assert token.isascii()
    assert token.replace("-", "a").replace("_", "a").isalnum()
    assert verify(KeyRing.parse(NEW), token) == subscription


@pytest.mark.parametrize(
    "letters", ["0123456789abcdef", "äöüßéèñ", "日本語件名折返位置文字壊", "абвгдежзик", "🎉🎊🎈", '"\\']
)
def test_the_longest_user_ids_of_any_script_fit_a_line_of_a_header(letters: str) -> None:
    lot = random.Random(1)
    user = "".join(lot.choices(letters, k=256))
    subscription = Subscription("a-tenant-of-some-length", user, "a_category_of_sixty_four_characters" * 2, "EMAIL")
    token = sign(KeyRing.parse(NEW), subscription)
    assert len(token) <= 900
    assert verify(KeyRing.parse(NEW), token) == subscription
    for place in range(0, len(token) - 1, 7):
        with pytest.raises(BadToken):
            verify(KeyRing.parse(NEW), token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :])


def test_a_short_token_is_written_as_it_always_was() -> None:
    token = sign(KeyRing.parse(NEW), SUBSCRIPTION)
    assert base64.urlsafe_b64decode(token + "==")[20:] == b'["acme","user-1","newsletter","EMAIL"]'


def test_a_key_that_no_longer_signs_still_verifies_until_it_is_taken_away() -> None:
    token = sign(KeyRing.parse(OLD), SUBSCRIPTION)
    rotated = KeyRing.parse(f"{NEW}, {OLD}")
    assert verify(rotated, token) == SUBSCRIPTION
    assert sign(rotated, SUBSCRIPTION) == sign(KeyRing.parse(NEW), SUBSCRIPTION)
    with pytest.raises(BadToken):
        verify(KeyRing.parse(NEW), token)


def test_no_changed_character_is_let_through() -> None:
    ring = KeyRing.parse(NEW)
    token = sign(ring, SUBSCRIPTION)
    for place, character in enumerate(token):
        changed = token[:place] + ("A" if character != "A" else "B") + token[place + 1 :]
        try:
            assert verify(ring, changed) == SUBSCRIPTION  # unused bits of the last character
        except BadToken:
            continue
        assert place == len(token) - 1


@pytest.mark.parametrize("token", ["", "a", "!!!", "é", "A" * 40, "A" * (LONGEST_TOKEN + 1), "....", "a b"])
def test_what_is_no_token_is_told_from_one(token: str) -> None:
    with pytest.raises(BadToken):
        verify(KeyRing.parse(NEW), token)
    with pytest.raises(BadToken):
        verify(KeyRing.parse(""), token)


@pytest.mark.parametrize(
    "added",
    ["", "&utm_source=x", "&amp;utm_source=x", "?utm_source=x", "%3Futm%3Dx", "%253Fx", ".", ")", "%3E", ">", "=", ";a",
     "+b", " c", "%0D%0A", "/", "\u00a0d", "#top", "\0", "&=?%"],
)  # fmt: skip
def test_what_others_put_behind_a_token_is_no_part_of_it(added: str) -> None:
    token = sign(KeyRing.parse(NEW), SUBSCRIPTION)
    assert unspoilt(token + added) == token


def encoded_wholly(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_token_that_was_percent_encoded_on_its_way_is_read(times: int) -> None:
    token = sign(KeyRing.parse(NEW), SUBSCRIPTION)
    found = encoded_wholly(token)
    for _ in range(times - 1):
        found = found.replace("%", "%25")
    assert unspoilt(found) == token


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_of_any_text_only_characters_of_a_token_are_left(text: str) -> None:
    assert unspoilt(unspoilt(text)) == unspoilt(text)
    assert not unspoilt(text) or unspoilt(text).replace("-", "a").replace("_", "a").isalnum()


def test_an_empty_ring_is_false_and_signs_nothing() -> None:
    assert not KeyRing.parse(" , ")
    assert KeyRing.parse(NEW)
    with pytest.raises(ValueError, match="no key"):
        sign(KeyRing.parse(""), SUBSCRIPTION)


def test_a_key_that_could_be_guessed_stops_the_process_and_is_not_shown() -> None:
    with pytest.raises(ConfigError, match="PULSE_UNSUBSCRIBE_KEY: each key must have at least 16") as caught:
        Settings.load({"PULSE_UNSUBSCRIBE_KEY": f"{NEW},t00-short"})
    assert "t00-short" not in str(caught.value)
