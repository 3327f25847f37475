"""A fragment as files, and files as a fragment: ``fragments/footer/en.email.html``."""

from __future__ import annotations

from pulse.common.v1.fragment_pb2 import Fragment, FragmentContent
from services.cli.template_folder.content_names import BadName, ContentKey, key_of, locale_written
from services.cli.template_folder.converting import as_file, from_file, text_of
from services.cli.template_folder.local import Local
from services.cli.template_folder.problem import Problem
from services.cli.template_folder.reading import FRAGMENTS, Files

#: Stands for a content in whatever language the template that takes it in is.
DEFAULT = "default"
_ENDINGS = ("txt", "html")


def files_of(fragment: Fragment) -> dict[str, bytes]:
    """Its files by their names: the same for all that says the same. ValueError for an unknown channel."""
    files = {}
    for content in fragment.contents:
        key = ContentKey(locale_written(content.locale or DEFAULT), content.channel)
        files[f"{key.stem}.{'html' if '<' in content.body else 'txt'}"] = as_file(content.body)
    return files


def fragment_of(name: str, files: Files) -> tuple[Local[Fragment], list[Problem]]:
    """The fragment that a folder's files say, and all that is wrong with them."""
    problems: list[Problem] = []
    contents: dict[ContentKey, tuple[str, str]] = {}
    for file, content in files.items():
        try:
            stem, _, ending = file.rpartition(".")
            if ending not in _ENDINGS:
                raise BadName("is no file of a fragment: LOCALE.CHANNEL.txt, or .html")
            key = key_of(stem)
            if key in contents:
                raise BadName(f"says what {contents[key][0]} says already")
            contents[key] = file, from_file(text_of(content))
        except BadName as error:
            problems.append(Problem(f"{FRAGMENTS}/{name}/{file}", str(error)))
    keys = sorted(contents)
    made = Fragment(name=name)
    for locale, channel in keys:
        body = contents[ContentKey(locale, channel)][1]
        made.contents.append(FragmentContent(locale="" if locale == DEFAULT else locale, channel=channel, body=body))
    places = {f"contents[{n}].body": contents[key][0] for n, key in enumerate(keys)}
    return Local(made, keys, place=f"{FRAGMENTS}/{name}", places=places), problems
