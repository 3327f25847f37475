"""Renders one text."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from shared.text.rendering import CompiledTemplate, RenderError, Text


def rendered(body: str, context: Mapping[str, object] | None = None) -> str:
    """The body of a template of nothing else."""
    return CompiledTemplate([Text("", "", "", body, "")], "en").render("SMS", "", context or {}).body


def rendered_html(html: str, context: Mapping[str, object] | None = None) -> str:
    """The HTML part of a template."""
    return CompiledTemplate([Text("", "", "", "x", html)], "en").render("EMAIL", "", context or {}).html_body


def refused(body: str, context: Mapping[str, object] | None = None, html: str = "") -> RenderError:
    """Why a template cannot be made or rendered."""
    with pytest.raises(RenderError) as caught:
        CompiledTemplate([Text("", "", "", body, html)], "en").render("EMAIL", "", context or {})
    return caught.value
