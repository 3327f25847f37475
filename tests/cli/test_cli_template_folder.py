"""``pulse templates``: a folder is read, compared, and brought to a gateway that judges it by its own rules."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pulse.common.v1 import enums_pb2
from pulse.common.v1.template_pb2 import Template, TemplateContent
from services.cli.app import build
from services.cli.template_folder.changes import files_of
from services.cli.template_folder.converting import template_of
from services.local.home import checkout
from tests.cli.real_gateway import RealGateway

#: What the example has, in the order in which it is applied.
ALL = ["fragments/footer", "fragments/letter", "hello", "order_shipped"]
EXAMPLE = checkout() / "docs" / "examples" / "templates"
Pulse = Callable[..., Result]


@pytest.fixture(scope="module")
def served() -> Iterator[RealGateway]:
    gateway = RealGateway()
    yield gateway
    gateway.stop()


@pytest.fixture
def gateway(served: RealGateway) -> RealGateway:
    """One that keeps nothing."""
    reader = served.peers.reader
    for kept in (reader.templates, reader.versions, reader.fragments, reader.fragment_versions, served.admin.changes):
        kept.clear()
    served.admin.changes_before = ""
    served.admin.breaks_at, served.admin.keeps_it, served.admin.deletes = "", False, True
    return served


@pytest.fixture
def pulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gateway: RealGateway) -> Pulse:
    monkeypatch.setenv("PULSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PULSE_GATEWAY_ADDRESS", gateway.address)
    return lambda *arguments: CliRunner().invoke(build(), ["templates", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(EXAMPLE, tmp_path / "templates")


def put(folder: Path, path: str, text: str | bytes) -> None:
    """Writes one file."""
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text.encode() if isinstance(text, str) else text)


def simple(folder: Path, name: str, body: str = "x", toml: str = 'channel = "EMAIL"\n') -> None:
    put(folder, f"{name}/template.toml", toml)
    put(folder, f"{name}/en.email.txt", body)


def test_what_is_applied_is_kept_and_applied_twice_changes_nothing(
    pulse: Pulse, gateway: RealGateway, folder: Path
) -> None:
    first = pulse("apply", folder)
    assert first.exit_code == 0, first.stderr
    assert first.stdout.splitlines() == [f"{place}: created, version 1" for place in ALL]
    stored = gateway.template("order_shipped")
    assert stored is not None and stored.channel == enums_pb2.EMAIL
    push = next(content for content in stored.contents if content.channel == enums_pb2.PUSH)
    assert (push.body, push.push.data["order"]) == ("Your order {{ order }}", "{{ order }}")
    html = next(content.html_body for content in stored.contents if content.html_body)
    assert html == (folder / "order_shipped" / "en.email.html").read_text().removesuffix("\n")
    second = pulse("apply", folder)
    assert (second.exit_code, second.stdout) == (0, "")
    assert "0 changed, 4 unchanged" in second.stderr
    assert len(gateway.admin.changes) == 2
    assert pulse("diff", folder).exit_code == 0


def test_what_is_pulled_differs_in_nothing_and_pulling_again_writes_nothing(
    pulse: Pulse, folder: Path, tmp_path: Path
) -> None:
    pulse("apply", folder)
    there = tmp_path / "new" / "there"
    assert "4 written" in pulse("pull", there).stderr
    assert pulse("diff", there, "--prune").exit_code == 0
    put(there, "hello/template.toml", b"# mine\n" + (there / "hello" / "template.toml").read_bytes())
    assert "0 written, 4 unchanged" in pulse("pull", there).stderr
    assert (there / "hello" / "template.toml").read_text().startswith("# mine\n")


def test_pulling_takes_away_texts_that_are_gone_and_leaves_what_is_not_its_own(pulse: Pulse, folder: Path) -> None:
    pulse("apply", folder)
    put(folder, "hello/fr.email.txt", "Bonjour")
    put(folder, "hello/.mine", "mine")
    simple(folder, "only_here")
    told = pulse("pull", folder).stderr
    assert "1 written, 3 unchanged" in told and "only_here is not at the gateway" in told
    assert not (folder / "hello" / "fr.email.txt").exists()
    assert (folder / "hello" / ".mine").exists() and (folder / "only_here").exists()


def test_what_differs_is_shown_line_by_line_with_a_status_of_its_own(pulse: Pulse, folder: Path) -> None:
    pulse("apply", folder)
    put(folder, "hello/en.email.txt", "{{ strings.hello }}, {{ name }}.\n")
    (folder / "order_shipped" / "de.email.subject").unlink()
    simple(folder, "news", "what is new")
    shown = pulse("diff", folder)
    assert shown.exit_code == 2
    lines = shown.stdout.splitlines()
    assert "-{{ strings.hello }}, {{ name }}!" in lines and "+{{ strings.hello }}, {{ name }}." in lines
    assert "+++ b/news/en.email.txt" in lines and "+what is new" in lines
    assert "--- a/order_shipped/de.email.subject" in lines and "+++ /dev/null" in lines
    dry = pulse("apply", "--dry-run", folder)
    assert (dry.exit_code, dry.stdout.splitlines()) == (
        2,
        ["hello: would be updated", "news: would be created", "order_shipped: would be updated"],
    )
    assert pulse("apply", folder).stdout.splitlines()[0] == "hello: updated, version 2"
    assert pulse("apply", "--dry-run", folder).exit_code == 0


def test_only_prune_takes_out_of_use_and_says_what(pulse: Pulse, gateway: RealGateway, folder: Path) -> None:
    pulse("apply", folder)
    shutil.rmtree(folder / "hello")
    kept = pulse("apply", folder)
    assert kept.exit_code == 0 and "hello is only at the gateway" in kept.stderr
    assert pulse("diff", folder).exit_code == 0 and pulse("diff", folder, "--prune").exit_code == 2
    assert pulse("apply", folder, "--prune", "--dry-run").stdout == "hello: would be deleted\n"
    assert gateway.template("hello") is not None
    assert pulse("apply", folder, "--prune").stdout == "hello: deleted\n"
    assert gateway.template("hello") is None and gateway.template("order_shipped") is not None


def test_a_refusal_of_the_gateway_leaves_everything_as_it_was(pulse: Pulse, gateway: RealGateway, folder: Path) -> None:
    """It is looked for before anything is kept, also where the folder itself cannot show it."""
    pulse("apply", folder)
    changes = len(gateway.admin.changes)
    put(folder, "hello/en.email.txt", "{{ strings.hello }}")
    simple(folder, "zz", toml='channel = "EMAIL"\n[contents."en.email".email]\nreply_to = "a@b.test"\n')
    failed = pulse("apply", folder)
    assert failed.exit_code == 1
    assert f"{folder}/zz/template.toml:3: en.email: email.reply_to: " in failed.stderr
    assert len(gateway.admin.changes) == changes


def test_what_breaks_off_midway_is_taken_back(pulse: Pulse, gateway: RealGateway, folder: Path) -> None:
    pulse("apply", folder)
    before = gateway.template("hello")
    put(folder, "hello/en.email.txt", "{{ strings.hello }}")
    simple(folder, "here")
    simple(folder, "news")
    gateway.admin.breaks_at = "news"
    failed = pulse("apply", folder)
    assert failed.exit_code == 1 and "news: LEDGER_UNAVAILABLE" in failed.stderr
    assert failed.stdout.splitlines() == [
        *("hello: updated, version 2", "here: created, version 1"),
        *("here: taken back", "hello: taken back, version 3"),
    ]
    after = gateway.template("hello")
    assert before is not None and after is not None and files_of(after) == files_of(before)
    assert gateway.template("here") is None and gateway.template("news") is None
    gateway.admin.breaks_at = ""
    assert pulse("apply", folder).exit_code == 0
    assert gateway.template("news") is not None


def test_what_cannot_be_taken_back_is_named(pulse: Pulse, gateway: RealGateway, folder: Path) -> None:
    simple(folder, "aa")
    gateway.admin.breaks_at, gateway.admin.deletes = "hello", False
    failed = pulse("apply", folder)
    assert failed.exit_code == 1
    assert (
        "aa is not taken back from version 1: LEDGER_UNAVAILABLE" in failed.stderr
        and "hello: LEDGER_UNAVAILABLE" in failed.stderr
    )


def test_what_somebody_else_has_changed_meanwhile_is_not_overwritten(
    pulse: Pulse, gateway: RealGateway, folder: Path
) -> None:
    pulse("apply", folder)
    put(folder, "hello/en.email.txt", "{{ strings.hello }}")
    put(folder, "order_shipped/en.sms.txt", "changed")
    gateway.admin.changes_before = "hello"
    failed = pulse("apply", folder)
    assert failed.exit_code == 1 and "hello: TEMPLATE_CHANGED: its newest version is 2, and not 1" in failed.stderr
    stored = gateway.template("hello")
    assert stored is not None and (stored.version, stored.category) == (2, "theirs")


def test_an_answer_that_was_lost_is_no_failure(pulse: Pulse, gateway: RealGateway, folder: Path) -> None:
    gateway.admin.breaks_at, gateway.admin.keeps_it = "hello", True
    applied = pulse("apply", folder)
    assert applied.exit_code == 0, applied.stderr
    assert applied.stdout.splitlines() == [f"{place}: created, version 1" for place in ALL]


def test_a_deletion_that_fails_is_named_and_what_was_applied_stays(
    pulse: Pulse, gateway: RealGateway, folder: Path
) -> None:
    pulse("apply", folder)
    shutil.rmtree(folder / "hello")
    simple(folder, "news")
    gateway.admin.deletes = False
    failed = pulse("apply", folder, "--prune")
    assert failed.exit_code == 1 and "hello: LEDGER_UNAVAILABLE" in failed.stderr
    assert gateway.template("news") is not None


def test_rolling_back_makes_an_older_version_the_newest(pulse: Pulse, gateway: RealGateway, folder: Path) -> None:
    simple(folder, "news", "one")
    pulse("apply", folder)
    for text in ("two", "three"):
        put(folder, "news/en.email.txt", text)
        pulse("apply", folder)
    assert pulse("rollback", "news").stderr == "news is at version 4, which says what 2 said.\n"
    assert pulse("rollback", "news", "1").stderr == "news is at version 5, which says what 1 said.\n"
    stored = gateway.template("news")
    assert stored is not None and (stored.contents[0].body, stored.version) == ("one", 5)
    same = pulse("rollback", "news", "1")
    assert same.exit_code == 0 and "nothing is changed" in same.stderr
    for wrong, told in (
        (("news", "9"), "no version 9"),
        (("none",), "TEMPLATE_NOT_FOUND"),
        (("hello",), "no version before 1"),
    ):
        failed = pulse("rollback", *wrong)
        assert failed.exit_code == 1 and told in failed.stderr


#: Files that are put into the folder, and what is said about them.
MISTAKES: list[tuple[str, dict[str, str | bytes], str]] = [
    (
        "an unknown key",
        {"news/template.toml": 'channel = "EMAIL"\n\nchanel = 1\n'},
        "template.toml:3: there is no 'chanel'",
    ),
    (
        "an unknown key of a content",
        {"news/template.toml": 'channel = "EMAIL"\n[contents."en.email".push]\nlnk = "x"\n'},
        "template.toml:3: there is no 'lnk' here; there are analytics_label",
    ),
    (
        "a dotted key",
        {"news/template.toml": 'channel = "EMAIL"\ncontents."en.email".push.lnk = "x"\n'},
        "template.toml:2: there is no 'lnk'",
    ),
    ("a value that is none", {"news/template.toml": 'channel = "MAIL"\n'}, ":1: 'channel' is one of EMAIL, SMS"),
    ("a number for a text", {"news/template.toml": 'channel="EMAIL"\ncategory = 7\n'}, ":2: 'category' cannot be that"),
    (
        "a number in a map of texts",
        {"news/template.toml": 'channel = "EMAIL"\n[contents."en.email".push.data]\na = 1\n'},
        ":2: 'data' cannot be that",
    ),
    ("a date", {"news/template.toml": 'channel = "EMAIL"\ncategory = 2026-01-01\n'}, ":2: 'category' cannot be that"),
    (
        "a list for a table",
        {"news/template.toml": 'channel = "EMAIL"\ncontents = [1]\n'},
        ":2: 'contents' holds a table",
    ),
    ("no TOML", {"news/template.toml": 'channel = "EMAIL"\nx =\n'}, "is no TOML: Invalid value (at line 2"),
    ("a key twice", {"news/template.toml": 'channel = "EMAIL"\nchannel = "SMS"\n'}, "is no TOML: Cannot overwrite"),
    (
        "what only Pulse says",
        {"news/template.toml": 'channel = "EMAIL"\nversion = 3\n'},
        ":2: 'version' is Pulse's to say",
    ),
    (
        "another name",
        {"news/template.toml": 'name = "old"\nchannel = "EMAIL"\n'},
        ":1: the template's name is its folder's",
    ),
    (
        "a text in the TOML",
        {"news/template.toml": 'channel = "EMAIL"\n[contents."en.email"]\nbody = "x"\n'},
        ":3: 'body' stands in the file en.email.txt",
    ),
    (
        "a table without its quotation marks",
        {"news/template.toml": 'channel = "EMAIL"\n[contents.en.email]\n'},
        ":2: '' is no channel: email",
    ),
    ("no channel", {"news/template.toml": "\n"}, "news/template.toml: channel: INVALID_FIELDS: "),
    ("an unknown channel", {"news/en.fax.txt": "x"}, "news/en.fax.txt: 'fax' is no channel: email, sms"),
    ("a channel in capitals", {"news/en.EMAIL.txt": "x"}, "'EMAIL' is no channel"),
    ("a language in capitals", {"news/EN.email.txt": "x"}, "news/EN.email.txt: the language is written en"),
    ("a region in small letters", {"news/pt-br.email.txt": "x"}, "the language is written pt-BR"),
    ("an underscore", {"news/pt_BR.email.txt": "x"}, "'pt_BR' is no language"),
    ("an unknown ending", {"news/en.email.text": "x"}, "news/en.email.text: is no file of a template"),
    ("no language", {"news/email.txt": "x"}, "news/email.txt: is no file of a template"),
    ("no channel in a name", {"news/en..txt": "x"}, "news/en..txt: '' is no channel"),
    ("a folder in it", {"news/de/en.email.txt": "x"}, "news/de: is no file"),
    ("no template.toml", {"other/en.email.txt": "x"}, "other: holds no template.toml"),
    ("a name that is none", {"a b/template.toml": ""}, "a b: is no name of a template"),
    ("no UTF-8", {"news/en.email.html": b"a\nb\xff"}, "news/en.email.html: line 2 is not UTF-8 text"),
    ("a byte order mark", {"news/en.email.txt": b"\xef\xbb\xbfx"}, "begins with a byte order mark"),
    ("a large file", {"news/en.email.html": b"x" * (4 * 2**20 + 1)}, "news/en.email.html: has more than 4 MiB"),
    ("many files", {f"news/de-x-{n}.email.txt": "x" for n in range(500)}, "news: holds more than 500 files"),
    (
        "no Liquid",
        {"news/en.email.txt": "a\nb\n{{ a | nope }}\n"},
        "news/en.email.txt: TEMPLATE_SYNTAX: line 3: there is no",
    ),
    ("a subject of two lines", {"news/en.email.subject": "a\nb\n"}, "news/en.email.subject: CONTROL_CHARACTER"),
    ("a long text", {"news/en.email.txt": "x" * 70_000}, "news/en.email.txt: INVALID_FIELDS: "),
    ("nothing said", {"news/en.email.txt": ""}, "news/en.email.txt: BODY_MISSING"),
    (
        "a string that is nowhere",
        {
            "news/template.toml": 'channel = "EMAIL"\n[contents."en.email".strings]\na = "b"\n',
            "news/en.email.txt": "{{ strings.b }}",
        },
        "news/en.email.txt: MISSING_VARIABLE",
    ),
    (
        "a link that is none",
        {"news/template.toml": 'channel = "EMAIL"\n[contents."en.email".push]\nlink = "javascript:x"\n'},
        "news/template.toml:3: en.email: push.link: INVALID_LINK",
    ),
    ("nothing by its channel", {"news/template.toml": 'channel = "SMS"\n'}, "NO_CONTENT_FOR_CHANNEL"),
    ("a file among the fragments", {"fragments/template.toml": ""}, "fragments/template.toml: is no fragment"),
    ("a fragment's subject", {"fragments/a/en.email.subject": "x"}, "fragments/a/en.email.subject: is no file of a"),
    ("a fragment said twice", {"fragments/a/de.sms.txt": "x", "fragments/a/de.sms.html": "x"}, "says already"),
    ("a fragment that is empty", {"fragments/a/de.sms.txt": ""}, "fragments/a/de.sms.txt: INVALID_FIELDS"),
    ("a fragment without a text", {"fragments/a/.keep": ""}, "fragments/a: contents: INVALID_FIELDS"),
    (
        "a fragment's Liquid",
        {"fragments/a/de.sms.txt": "a\n{{ a | nope }}"},
        "fragments/a/de.sms.txt: TEMPLATE_SYNTAX: line 2",
    ),
    ("a fragment that takes itself in", {"fragments/a/de.sms.txt": '{% render "a" %}'}, "FRAGMENT_CYCLE"),
    (
        "a fragment that is nowhere",
        {"news/en.email.txt": '{% render "nope" %}'},
        "news/en.email.txt: FRAGMENT_NOT_FOUND",
    ),
]


@pytest.mark.parametrize(("files", "told"), [pytest.param(*case[1:], id=case[0]) for case in MISTAKES])
def test_a_mistake_is_named_by_file_and_line_and_nothing_is_applied(
    pulse: Pulse, gateway: RealGateway, folder: Path, files: dict[str, str | bytes], told: str
) -> None:
    simple(folder, "news")
    for path, text in files.items():
        put(folder, path, text)
    linted, applied = pulse("lint", folder), pulse("apply", folder)
    assert (linted.exit_code, applied.exit_code) == (1, 1)
    assert told in linted.stderr and told in applied.stderr, linted.stderr
    assert gateway.admin.changes == []


def test_links_are_followed_inside_of_the_folder_alone(pulse: Pulse, folder: Path, tmp_path: Path) -> None:
    put(tmp_path, "secret.txt", "secret")
    simple(folder, "news")
    (folder / "news" / "de.email.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "again").symlink_to(folder / "news")
    (folder / "out").symlink_to(tmp_path)
    (folder / "news" / "fr.email.txt").symlink_to(folder / "news" / "fr.email.txt")
    told = pulse("lint", folder).stderr
    assert "news/de.email.txt: leads out of the folder" in told and "out: leads out of the folder" in told
    (folder / "news" / "de.email.txt").unlink()
    (folder / "news" / "fr.email.txt").unlink()
    (folder / "out").unlink()
    (folder / "news" / "de.email.txt").symlink_to(folder / "news" / "en.email.txt")
    assert pulse("lint", folder).exit_code == 0


def test_pulling_writes_in_the_place_of_links_and_not_where_they_lead(
    pulse: Pulse, folder: Path, tmp_path: Path
) -> None:
    pulse("apply", folder)
    put(tmp_path, "outside.txt", "mine")
    (folder / "hello" / "en.email.txt").unlink()
    (folder / "hello" / "en.email.txt").symlink_to(tmp_path / "outside.txt")
    assert pulse("pull", folder).exit_code == 0
    assert (tmp_path / "outside.txt").read_text() == "mine"
    shutil.rmtree(folder / "hello")
    (folder / "hello").symlink_to(tmp_path)
    refused = pulse("pull", folder)
    assert refused.exit_code == 1 and "is in the way" in refused.stderr
    assert not (tmp_path / "template.toml").exists()


def test_whatever_goes_wrong_the_status_is_one(pulse: Pulse, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """2 says that something differs, and a script must not take a typing error for that."""
    assert pulse("diff", folder / "none").exit_code == 1
    assert pulse("diff").exit_code == 1 and pulse("diff", "--nope", folder).exit_code == 1
    monkeypatch.setenv("PULSE_CLI_TIMEOUT", "never")
    assert pulse("diff", folder).exit_code == 1
    monkeypatch.delenv("PULSE_CLI_TIMEOUT")
    assert pulse("diff", folder, "--address", "127.0.0.1:1").exit_code == 1


def test_a_fragment_that_changes_gives_the_templates_that_take_it_in_a_next_version(
    pulse: Pulse, gateway: RealGateway, folder: Path
) -> None:
    pulse("apply", folder)
    put(folder, "fragments/footer/default.email.txt", "The new shop")
    shown = pulse("diff", folder)
    assert shown.exit_code == 2 and "+The new shop" in shown.stdout
    assert "order_shipped: takes in fragments that have changed" in shown.stdout
    dry = pulse("apply", "--dry-run", folder)
    assert dry.stdout.splitlines() == ["fragments/footer: would be updated", "order_shipped: would be updated"]
    applied = pulse("apply", folder)
    assert applied.stdout.splitlines() == ["fragments/footer: updated, version 2", "order_shipped: updated, version 2"]
    stored = gateway.template("order_shipped")
    assert stored is not None
    assert {pin.name: pin.version for pin in stored.fragments} == {"footer": 2, "letter": 1}
    assert "The new shop" in "".join(str(content.compiled) for content in stored.contents)
    assert pulse("diff", folder).exit_code == 0


def test_fragments_that_take_each_other_in_are_made_and_deleted_in_an_order_that_goes(
    pulse: Pulse, gateway: RealGateway, folder: Path
) -> None:
    put(folder, "fragments/aa/default.email.txt", '{% render "bb" %}')
    put(folder, "fragments/bb/default.email.txt", '{% render "cc" %}')
    put(folder, "fragments/cc/default.email.txt", "c")
    simple(folder, "news", '{% render "aa" %}')
    made = [line for line in pulse("apply", folder).stdout.splitlines() if line[10:12] in ("aa", "bb", "cc")]
    assert [line[10:12] for line in made] == ["cc", "bb", "aa"]
    shutil.rmtree(folder / "news")
    for name in ("aa", "bb", "cc"):
        shutil.rmtree(folder / "fragments" / name)
    gone = pulse("apply", folder, "--prune")
    assert gone.stdout.splitlines() == [
        "news: deleted",
        *(f"fragments/{name}: deleted" for name in ("aa", "bb", "cc")),
    ]


def test_fragments_are_taken_back_where_a_template_is_refused(pulse: Pulse, gateway: RealGateway, folder: Path) -> None:
    pulse("apply", folder)
    put(folder, "fragments/footer/default.email.txt", "The new shop")
    put(folder, "fragments/new/default.email.txt", "new")
    simple(folder, "zz", toml='channel = "EMAIL"\n[contents."en.email".email]\nreply_to = "a@b.test"\n')
    put(folder, "zz/en.email.txt", '{% render "new" %}')
    failed = pulse("apply", folder)
    assert failed.exit_code == 1 and "zz/template.toml:3: en.email: email.reply_to: " in failed.stderr
    assert failed.stdout.splitlines()[-2:] == ["fragments/new: taken back", "fragments/footer: taken back, version 3"]
    stored = gateway.template("order_shipped")
    assert stored is not None and stored.version == 1
    shutil.rmtree(folder / "zz")
    shutil.rmtree(folder / "fragments" / "new")
    put(folder, "fragments/footer/default.email.txt", (EXAMPLE / "fragments/footer/default.email.txt").read_bytes())
    assert pulse("diff", folder, "--prune").exit_code == 0


def test_a_fragment_that_only_the_gateway_has_may_be_taken_in(pulse: Pulse, folder: Path) -> None:
    pulse("apply", folder)
    shutil.rmtree(folder / "fragments")
    assert pulse("lint", folder).exit_code == 1
    told = pulse("apply", folder)
    assert told.exit_code == 0 and "fragments/footer is only at the gateway" in told.stderr


TEXTS = ["", "a", "a\n", "\n", "a\r\n", "a\r", "\r", "\r\n", " a \n\n", "ä\u2028\x7f", "a\x0bb", '"""', "\ufeffa"[1:]]


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_is_the_same_after_it_was_a_file(text: str) -> None:
    given = Template(name="t", channel=enums_pb2.EMAIL, category="c", priority=enums_pb2.HIGH)
    given.digest_window.FromSeconds(90)
    content = TemplateContent(locale="en", channel=enums_pb2.EMAIL, subject="s", body=text, html_body=text)
    content.push.data[text] = text
    content.push.badge = 0
    content.email.headers["X-A"] = text
    content.strings["a"] = text
    given.contents.append(content)
    made, problems = template_of("t", files_of(given))
    assert problems == []
    assert made.message == given


MJML = "<mjml><mj-body><mj-section><mj-column><mj-text>Hi</mj-text></mj-column></mj-section></mj-body></mjml>"


def test_html_may_be_written_as_mjml(pulse: Pulse, gateway: RealGateway, folder: Path, tmp_path: Path) -> None:
    simple(folder, "news")
    put(folder, "news/en.email.mjml", MJML)
    applied = pulse("apply", folder)
    assert applied.exit_code == 0, applied.stderr
    stored = gateway.template("news")
    assert stored is not None
    assert (stored.contents[0].html_body, stored.contents[0].mjml) == (MJML, True)
    assert pulse("apply", folder).stdout == ""
    pulse("pull", tmp_path / "there")
    assert (tmp_path / "there" / "news" / "en.email.mjml").read_text() == MJML + "\n"
    put(folder, "news/en.email.html", "<p>")
    assert "says already" in pulse("lint", folder).stderr
    (folder / "news" / "en.email.html").unlink()
    put(folder, "news/en.email.mjml", "<mjml>\n<mj-body><mj-x/></mj-body></mjml>")
    refused = pulse("apply", folder)
    assert refused.exit_code != 0
    assert "news/en.email.mjml" in refused.stderr and "line 2, column 10" in refused.stderr
