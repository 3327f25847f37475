"""What a gateway keeps, as messages of the contract: what a newer one says of it stays in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic

import grpc

from pulse.common.v1.fragment_pb2 import Fragment
from pulse.common.v1.template_pb2 import Template
from pulse.gateway.v1 import fragment_service_pb2, template_service_pb2
from pulse.gateway.v1.fragment_service_pb2_grpc import FragmentServiceStub
from pulse.gateway.v1.template_service_pb2_grpc import TemplateServiceStub
from pulse_client import PulseError
from services.cli.stub_calls import Call, stub_calls
from services.cli.template_folder.local import Kind

_PAGE = 200


class Kept(Generic[Kind]):
    """Templates, or fragments. Every method raises :class:`pulse_client.PulseError`."""

    def __init__(self, call: Call, api: Any, noun: str) -> None:
        self._call = call
        self._api = api
        self._noun = noun

    def all(self) -> dict[str, Kind]:
        """Each at its newest version, by name."""
        found: dict[str, Kind] = {}
        token = ""
        while True:
            try:
                page = self._ask("List{}s", page_size=_PAGE, page_token=token)
            except PulseError as error:
                if error.code is grpc.StatusCode.UNIMPLEMENTED:  # a gateway that is older than such things
                    return found
                raise
            found |= {one.name: one for one in getattr(page, f"{self._noun.lower()}s")}
            token = page.next_page_token
            if not token:
                return found

    def get(self, name: str, version: int = 0) -> Kind:
        """At a version; 0: the newest."""
        answer: Kind = self._ask("Get{}", name=name, version=version)
        return answer

    def create(self, message: Kind, **more: Any) -> Kind:
        """As kept."""
        answer: Kind = self._ask("Create{}", **{self._noun.lower(): message}, **more)
        return answer

    def update(self, message: Kind, expected_version: int, **more: Any) -> Kind:
        """As kept. A template is refused if another version is the newest than the one expected."""
        if self._noun == "Template":
            more["expected_version"] = expected_version
        answer: Kind = self._ask("Update{}", **{self._noun.lower(): message}, **more)
        return answer

    def delete(self, name: str) -> None:
        """Takes it out of use."""
        self._ask("Delete{}", name=name)

    def _ask(self, method: str, **fields: Any) -> Any:
        name = method.format(self._noun)
        return self._call(name, getattr(self._api, f"{name}Request")(**fields))


@dataclass(frozen=True)
class Gateway:
    """All that is kept."""

    templates: Kept[Template]
    fragments: Kept[Fragment]

    def of(self, message: Template | Fragment) -> Kept[Any]:
        """Those of its kind."""
        return self.fragments if isinstance(message, Fragment) else self.templates

    def stale(self, stored: Mapping[str, Template], newest: Mapping[str, Fragment]) -> set[str]:
        """The templates that keep fragments which say something else by now."""
        from services.cli.template_folder.changes import is_said

        same: dict[tuple[str, int], bool] = {(name, one.version): True for name, one in newest.items()}
        found = set()
        for name, template in stored.items():
            for pin in template.fragments:
                key = (pin.name, pin.version)
                if pin.name in newest and key not in same:
                    same[key] = is_said(self.fragments.get(*key), newest[pin.name])
                if not same.get(key, True):
                    found.add(name)
        return found


@contextmanager
def kept(address: str) -> Iterator[Gateway]:
    """For as long as the block lasts; a refusal inside it ends the command with a sentence."""
    with (
        stub_calls(address, TemplateServiceStub) as of_templates,
        stub_calls(address, FragmentServiceStub) as of_fragments,
    ):
        yield Gateway(
            Kept(of_templates, template_service_pb2, "Template"), Kept(of_fragments, fragment_service_pb2, "Fragment")
        )
