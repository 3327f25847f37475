"""A template or a fragment as its folder says it, and where in the folder what stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pulse.common.v1.fragment_pb2 import Fragment
from pulse.common.v1.template_pb2 import Template
from services.cli.template_folder import toml_text
from services.cli.template_folder.content_names import ContentKey
from services.cli.template_folder.problem import Problem

Kind = TypeVar("Kind", bound=Template | Fragment)
_CONTENTS = "contents"


@dataclass
class Local(Generic[Kind]):
    """``place`` is its folder; ``places`` names the files that hold fields, by these: ``contents[1].body``."""

    message: Kind
    keys: Sequence[ContentKey]  # of its contents, in their order
    place: str
    places: Mapping[str, str] = field(default_factory=dict)
    toml_file: str = ""
    toml: str = ""

    def at(self, path: str, words: str) -> Problem:
        """A problem with a field, by its path in the message."""
        if path in self.places:
            return Problem(f"{self.place}/{self.places[path]}", words)
        outer, _, rest = path.partition(".")
        where, name = [*filter(None, path.split("."))], path
        if outer.startswith(f"{_CONTENTS}[") and outer[len(_CONTENTS) + 1 : -1].isdigit():
            stem = self.keys[int(outer[len(_CONTENTS) + 1 : -1])].stem
            where, name = [_CONTENTS, stem, *filter(None, rest.split("."))], f"{stem}: {rest}" if rest else stem
        place = f"{self.place}/{self.toml_file}" if self.toml_file else self.place
        return Problem(place, f"{name}: {words}" if name else words, toml_text.line_of(self.toml, where))
