"""What a preview is made of: a template that is stored, or one that the request gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulse.common.v1 import template_pb2
from pulse.gateway.v1 import template_service_pb2 as api
from services.gateway import wire
from services.gateway.rules import context as contexts
from services.gateway.rules import digests
from services.gateway.sending.templates import PinnedTemplate
from shared.errors import PulseError
from shared.text.rendering import CompiledTemplate, RenderError


@dataclass(frozen=True)
class Previewed:
    """One template, ready to be rendered."""

    template: template_pb2.Template
    compiled: CompiledTemplate
    #: Names that a context must hold.
    variables: Sequence[str]
    #: Set if it is just as it is stored.
    pinned: PinnedTemplate | None = None

    def context(self, request: api.PreviewTemplateRequest) -> Mapping[str, Any]:
        """The request's, with what the request wants to have filled in; INVALID_ARGUMENT for one that cannot be."""
        context = wire.variables(request.context)
        contexts.canonical(context)
        if request.fill_missing:
            context = {name: name.upper() for name in self.variables} | context
        if self.template.HasField("digest_window") and digests.VARIABLE not in context:
            context = digests.with_digest(context)
        return context

    def refusal(self, error: RenderError) -> PulseError:
        """Why it cannot be rendered with a context."""
        return self.pinned.refusal(error) if self.pinned else wire.render_refusal(error)
