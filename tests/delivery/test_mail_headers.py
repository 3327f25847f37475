"""Headers: whatever a subject or a name says comes back as it was given, and is never taken for syntax."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import idna
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.delivery.providers.mail.mail_addresses import parse_sender
from services.delivery.providers.mail.mail_headers import carried, plain_header, text_header
from tests.delivery.mail_program import ADDRESS, headers, second_opinion
from tests.support import rfc_headers
from tests.support.rfc_headers import WORD, unfolded

#: What an email consists of, in order, whatever is said in it.
NAMES = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "X-Pulse-Notification-Id",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
]

TEXTS = [
    "",
    " ",
    "   ",
    "Hello",
    "two  spaces",
    " before and after ",
    "=?",
    "=?utf-8?q?hi?=",
    "=?utf-8?q?a?= =?utf-8?q?b?=",
    "Jürgen =?utf-8?q?=0D=0AReply-To:_eve@evil.example=0D=0A=0D=0A<h1>x</h1>?=",
    "=?utf-8?b?DQpCY2M6IGV2ZUBldmlsLmV4YW1wbGU=?=",
    "=?utf-8?q?=0D=0ABcc:_eve@evil.example?= x",
    "=?us-ascii*en?q?x?=",
    "=?utf-8?q?open",
    "a=?utf-8?q?b?=c",
    "line\u2028separator",
    "paragraph\u2029separator",
    "next\u0085line",
    "\u0080\u009f\u00a0\u200b\u202e\ufeff\ufffe\U0010ffff",
    "Rappel : réunion « Équipe qualité » à Genève déplacée au 3 février à 10h – salle “Évian”",
    "Terminverschiebung: Müller, Jürgen (Vertrieb) <jm@example.org>",
    "Müller, Jürgen; Ada, Eve: x",
    'He said "hi" \\ and \\"bye\\"',
    "Dr. Ada (née Byron), Esq. @ home",
    "Pulse, Ada and a very long name, with commas, that does not fit on one line, by far, however it is folded",
    "x" * 60,
    "x" * 63,
    "x" * 64,
    "x" * 66,
    "x" * 67,
    "x" * 70,
    "x" * 998,
    "word " * 199 + "end",
    "ü" * 499,
    "🎉" * 249,
    "a🎉" * 180,
    "日本語の件名は折り返しの位置で文字が壊れることがあります。" * 5,
    "👩‍👩‍👧‍👦" * 30,
    "e\u0301" * 100,
    "ünder_score = equals ? mark _ =5F",
    "עברית \u200f and عربى",
    "\t".expandtabs() + "ü",
    "From: eve@evil.example",
    ".",
    "a" + " " * 200 + "b",
]

#: Anything that a subject or name may hold once it was accepted.
ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=[chr(code) for code in [*range(32), 127]]))
#: What means something in a header, and what is written in more than a byte.
SYNTAX = [*' =?_"\\<>@,;:()[].+-/*utf8qQbB09AFéß日🎉\u2028\u2029\u0085\u00a0\u200d', "=?utf-8?q?", "?=", "=0D=0A"]
FULL_OF_SYNTAX = st.lists(st.sampled_from(SYNTAX)).map("".join)


def drawn(count: int) -> list[str]:
    """Texts full of syntax, always the same ones."""
    lot = random.Random(2047)
    return ["".join(lot.choices(SYNTAX, k=lot.randint(1, 120))) for _ in range(count)]


def check(name: str, subject: str) -> None:
    """The headers of such an email are sound and say what was given."""
    head = headers(name, subject)
    lines = head.split(b"\r\n")[:-1]
    assert head.isascii() and not any(set(line) & {10, 13} for line in lines), "lines end in CR LF alone"
    assert all(line.strip() for line in lines), "no line is empty or blank"
    assert max(map(len, lines)) <= 998
    assert all(len(line) <= 76 for line in lines if b"=?utf-8" in line)
    fields = unfolded(head)
    assert [field for field, _ in fields] == NAMES
    values = dict(fields)
    assert all(len(token) <= 75 for value in values.values() for token in value.split() if WORD.fullmatch(token))
    assert rfc_headers.decoded(values["Subject"]) == subject
    assert second_opinion(values["Subject"]) == subject
    assert rfc_headers.mailbox(values["From"]) == (name, ADDRESS)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_back_as_it_was_given_from_subject_and_name(text: str) -> None:
    check(text, text)


@settings(max_examples=400)
@given(ANY | FULL_OF_SYNTAX, ANY | FULL_OF_SYNTAX)
@example("Müller, Jürgen", "à Genève")
def test_any_text_comes_back_as_it_was_given_from_subject_and_name(name: str, subject: str) -> None:
    check(name, subject)


def pythons() -> dict[str, str]:
    """This Python, and others that Pulse runs with as far as they are here, by version."""
    beside = Path(sys.base_prefix).parent.glob("3.1[1-9]*/bin/python3")
    named = filter(None, (shutil.which(f"python3.{minor}") for minor in range(11, 20)))
    found = {".".join(map(str, sys.version_info[:3])): sys.executable}
    for program in [*map(str, beside), *named]:
        command = [program, "-c", "import platform; print(platform.python_version())"]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            found.setdefault(asked.stdout.strip(), program)
    return found


@pytest.mark.parametrize("python", [pytest.param(program, id=version) for version, program in pythons().items()])
def test_every_python_writes_the_same_headers(python: str, tmp_path: Path) -> None:
    lot = drawn(600)
    pairs = [[one, other] for one, other in zip([*TEXTS, *lot], [*reversed(lot), *TEXTS], strict=True)]
    (tmp_path / "idna").symlink_to(Path(idna.__file__).parent)
    environment = {**os.environ, "PYTHONPATH": f"{Path(__file__).parents[2]}{os.pathsep}{tmp_path}"}
    command = [python, "-s", "-m", "tests.delivery.mail_program"]
    given = json.dumps(pairs)
    answer = subprocess.run(command, input=given, capture_output=True, text=True, check=True, env=environment)
    for (name, subject), (head, opinion) in zip(pairs, json.loads(answer.stdout), strict=True):
        assert (head, opinion) == (headers(name, subject).decode(), subject)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("a\r\nBcc: eve@evil.example", "a Bcc: eve@evil.example"),
        ("a\0b\x1c\x1d\x1ec\x7f", "a b c "),
        ("\x0b\x0c", " "),
        ("half \ud83c character", "half \ufffd character"),
        ("\udcff", "\ufffd"),
    ],
)
def test_what_no_header_can_carry_does_no_harm(given: str, read: str) -> None:
    assert carried(given) == read
    head = headers(given, given)
    assert [field for field, _ in unfolded(head)] == NAMES
    assert rfc_headers.decoded(dict(unfolded(head))["Subject"]) == read
    assert rfc_headers.mailbox(dict(unfolded(head))["From"])[0] == read


@pytest.mark.parametrize("name", ["X", "X-" + "n" * 48, "X-" + "n" * 66, "X-" + "n" * 200])
def test_a_header_of_any_name_is_folded(name: str) -> None:
    for text in TEXTS:
        [(found, value)] = unfolded(text_header(name, text).encode("ascii"))
        assert (found, rfc_headers.decoded(value.removeprefix(" "))) == (name, text)


@pytest.mark.parametrize("value", ["", "a\r\nb", "ü", "a\tb", "x" * 996, " a", "a "])
def test_a_header_made_by_programs_must_be_a_line(value: str) -> None:
    with pytest.raises(ValueError, match="X is no line"):
        plain_header("X", value)


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("pulse@example.org", "", "pulse@example.org"),
        ("<pulse@example.org>", "", "pulse@example.org"),
        ("Pulse Team <pulse@example.org>", "Pulse Team", "pulse@example.org"),
        ('"Müller, Jürgen" <pulse@example.org>', "Müller, Jürgen", "pulse@example.org"),
        ("Müller, Jürgen <pulse@example.org>", "Müller, Jürgen", "pulse@example.org"),
        (r'"a \"b\" \\ c" <pulse@example.org>', r'a "b" \ c', "pulse@example.org"),
        ('"ada@example.org" <pulse@example.org>', "ada@example.org", "pulse@example.org"),
        ("=?utf-8?q?J=C3=BC?= <pulse@example.org>", "=?utf-8?q?J=C3=BC?=", "pulse@example.org"),
        ("Straße <pulse@straße.de>", "Straße", "pulse@xn--strae-oqa.de"),
        ("  Pulse   <pulse@example.org>  ", "Pulse", "pulse@example.org"),
    ],
)
def test_a_sender_is_read_as_it_was_meant(text: str, name: str, address: str) -> None:
    sender = parse_sender(text)
    assert (sender.name, sender.envelope) == (name, address)
    assert sender.header.isascii()
    assert rfc_headers.mailbox(sender.header) == (name, address)
