"""The templates that a gateway keeps, as messages of the contract: what a newer one says of them stays in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pulse.common.v1.template_pb2 import Template
from pulse.gateway.v1 import template_service_pb2 as api
from pulse.gateway.v1.template_service_pb2_grpc import TemplateServiceStub
from services.cli.stub_calls import Call, stub_calls

_PAGE = 200


@contextmanager
def kept(address: str) -> Iterator[KeptTemplates]:
    """For as long as the block lasts; a refusal inside it ends the command with a sentence."""
    with stub_calls(address, TemplateServiceStub) as call:
        yield KeptTemplates(call)


class KeptTemplates:
    """Every method raises :class:`pulse_client.PulseError`."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def all(self) -> Mapping[str, Template]:
        """Each at its newest version, by name."""
        found: dict[str, Template] = {}
        request = api.ListTemplatesRequest(page_size=_PAGE)
        while True:
            page = self._call("ListTemplates", request)
            found |= {template.name: template for template in page.templates}
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    def get(self, name: str, version: int = 0) -> Template:
        """At a version; 0: the newest."""
        answer: Template = self._call("GetTemplate", api.GetTemplateRequest(name=name, version=version))
        return answer

    def create(self, template: Template, *, only_check: bool = False) -> Template:
        """As kept; version 0: it was only checked."""
        request = api.CreateTemplateRequest(template=template, validate_only=only_check)
        answer: Template = self._call("CreateTemplate", request)
        return answer

    def update(self, template: Template, expected_version: int, *, only_check: bool = False) -> Template:
        """As kept; version 0: it was only checked. Refused if another version is the newest than the one expected."""
        request = api.UpdateTemplateRequest(
            template=template, expected_version=expected_version, validate_only=only_check
        )
        answer: Template = self._call("UpdateTemplate", request)
        return answer

    def delete(self, name: str) -> None:
        """Takes it out of use."""
        self._call("DeleteTemplate", api.DeleteTemplateRequest(name=name))
