"""A template as files, and files as a template."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from pulse.common.v1 import enums_pb2
from pulse.common.v1.template_pb2 import Template, TemplateContent
from services.cli.template_folder import fields, toml_text
from services.cli.template_folder.content_names import ENDINGS, MJML, BadName, ContentKey, key_of, locale_written, parts
from services.cli.template_folder.local import Local
from services.cli.template_folder.problem import Problem
from services.cli.template_folder.reading import TOML, Files

#: The language of contents that name none, where the template does not say it either.
DEFAULT_LOCALE = "en"
_ENDING_OF = {field: ending for ending, field in ENDINGS.items()}
#: What a content's place says of it.
_BY_NAME = frozenset({"channel", "locale", "mjml", *_ENDING_OF})
_CONTENTS = "contents"
_BOM = b"\xef\xbb\xbf"


def files_of(template: Template) -> dict[str, bytes]:
    """Its files by their names: the same for all that says the same.

    ValueError for what this release has no name for.
    """
    table = fields.plain(template, frozenset({"name", _CONTENTS}))
    files: dict[str, bytes] = {}
    tables: dict[str, Any] = {}
    for content in template.contents:
        stem = key_in(template, content).stem
        texts = {name: getattr(content, name) for name in _ENDING_OF if getattr(content, name)}
        files |= {f"{stem}.{_ending(content, name)}": as_file(text) for name, text in texts.items()}
        beside = fields.plain(content, _BY_NAME)
        if beside or not texts:
            tables[stem] = beside
    return {TOML: toml_text.dumped(table | ({_CONTENTS: tables} if tables else {})).encode(), **files}


def _ending(content: TemplateContent, part: str) -> str:
    return MJML if part == "html_body" and content.mjml else _ENDING_OF[part]


def key_in(template: Template, content: TemplateContent) -> ContentKey:
    """Which of the template's contents it is; ValueError for a channel that this release does not know."""
    if content.channel not in enums_pb2.Channel.values():
        raise ValueError("is by a channel that this release of the command does not know")
    return ContentKey(locale_written(content.locale or template.default_locale or DEFAULT_LOCALE), content.channel)


def template_of(name: str, files: Files) -> tuple[Local[Template], list[Problem]]:
    """The template that a folder's files say, and all that is wrong with them."""
    problems: list[Problem] = []
    made = Local(Template(name=name), [], place=name, toml_file=TOML)
    contents: dict[ContentKey, TemplateContent] = {}
    for file, content in files.items():
        try:
            if file == TOML:
                made.toml = text_of(content)
            else:
                key, part = parts(file)
                said = contents.setdefault(key, TemplateContent())
                if getattr(said, part):
                    raise BadName(f"says what {key.stem}.{_ending(said, part)} says already")
                setattr(said, part, from_file(text_of(content)))
                said.mjml = said.mjml or file.endswith(f".{MJML}")
        except BadName as error:
            problems.append(Problem(f"{name}/{file}", str(error)))
    problems += _read_toml(made, contents) if TOML in files else [Problem(name, f"holds no {TOML}")]
    default = locale_written(made.message.default_locale or DEFAULT_LOCALE)
    made.keys = sorted(contents, key=lambda key: (key.locale != default, key.locale, key.channel))
    for key in made.keys:
        contents[key].MergeFrom(TemplateContent(locale=key.locale, channel=key.channel))
        made.message.contents.append(contents[key])
    made.places = {
        f"{_CONTENTS}[{n}].{part}": f"{key.stem}.{_ending(contents[key], part)}"
        for n, key in enumerate(made.keys)
        for part in _ENDING_OF
    }
    return made, problems


def _read_toml(made: Local[Template], contents: dict[ContentKey, TemplateContent]) -> list[Problem]:
    name, place = made.message.name, f"{made.message.name}/{TOML}"
    problems: list[Problem] = []

    def refuse(path: tuple[str, ...], words: str) -> None:
        problems.append(Problem(place, words, toml_text.line_of(made.toml, path)))

    try:
        table = tomllib.loads(made.toml)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return [Problem(place, f"is no TOML: {error}")]
    if table.pop("name", name) != name:
        refuse(("name",), f"the template's name is its folder's, {name!r}")
    tables = table.pop(_CONTENTS, {})
    fields.fill(made.message, table, (), refuse)
    if isinstance(tables, dict):
        _read_contents(tables, contents, refuse)
    else:
        refuse((_CONTENTS,), _HOW)
    return problems


_HOW = f'{_CONTENTS!r} holds a table for each content: [{_CONTENTS}."de.email"]'


def _read_contents(
    tables: Mapping[str, Any],
    contents: dict[ContentKey, TemplateContent],
    refuse: Callable[[tuple[str, ...], str], None],
) -> None:
    for stem, table in tables.items():
        path = (_CONTENTS, stem)
        try:
            key = key_of(stem)
        except BadName as error:
            refuse(path, f"{error}; {_HOW}")
            continue
        if not isinstance(table, dict):
            refuse(path, _HOW)
            continue
        for name in table.keys() & _BY_NAME:
            refuse((*path, name), f"{name!r} stands in {_stands_in(stem, name)}")
        rest = {name: value for name, value in table.items() if name not in _BY_NAME}
        fields.fill(contents.setdefault(key, TemplateContent()), rest, path, refuse, _BY_NAME)


def _stands_in(stem: str, name: str) -> str:
    if name == "mjml":
        return f"the ending of the file {stem}.{MJML}"
    return f"the file {stem}.{_ENDING_OF[name]}" if name in _ENDING_OF else "the table's name"


def text_of(content: bytes) -> str:
    """A file's text; raises :class:`BadName` where it is none."""
    if content.startswith(_BOM):
        raise BadName("begins with a byte order mark; save it as UTF-8 without one")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadName(f"line {line} is not UTF-8 text") from None


def as_file(text: str) -> bytes:
    """With the line end that editors want to see at a file's end, and that is no part of the text."""
    return (text + ("\r\n" if text.endswith("\r") else "\n")).encode()


def from_file(text: str) -> str:
    """A text without the line end that :func:`as_file` gave it."""
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")
