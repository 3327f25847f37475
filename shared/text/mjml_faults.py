"""What is wrong with MJML, and where, as far as the library that compiles it does not say."""

from __future__ import annotations

import contextlib
import re
from typing import NamedTuple

from lxml import etree

#: https://documentation.mjml.io/#components, but mj-include: nothing is read from elsewhere.
_COMPONENTS = frozenset(
    (
        *("mjml", "mj-head", "mj-attributes", "mj-all", "mj-class", "mj-breakpoint", "mj-font", "mj-html-attributes"),
        *("mj-selector", "mj-html-attribute", "mj-preview", "mj-style", "mj-title", "mj-body", "mj-accordion"),
        *("mj-accordion-element", "mj-accordion-text", "mj-accordion-title", "mj-button", "mj-carousel"),
        *("mj-carousel-image", "mj-column", "mj-divider", "mj-group", "mj-hero", "mj-image", "mj-navbar"),
        *("mj-navbar-link", "mj-raw", "mj-section", "mj-social", "mj-social-element", "mj-spacer", "mj-table"),
        *("mj-text", "mj-wrapper"),
    )
)
_OPENED = re.compile(r"<!--.*?-->|<(mj[\w-]*)", re.S)


class Fault(NamedTuple):
    """``at`` is a place in the text."""

    at: int
    words: str


def of_components(mjml: str) -> Fault | None:
    """The first component that there is not."""
    for tag in _OPENED.finditer(mjml):
        if tag[1] == "mj-include":
            return Fault(tag.start(), "mj-include reads files, which templates may not; take a fragment in")
        if tag[1] and tag[1] not in _COMPONENTS:
            return Fault(tag.start(), f"there is no component {tag[1][:40]}")
    if "<mj-body" not in mjml:
        return Fault(0, "there is no mj-body")
    return None


def of_xml(mjml: str) -> Fault:
    """Where it is no XML, as MJML must be; the text's end if it is."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    with contextlib.suppress(etree.XMLSyntaxError):  # the log has it too
        etree.fromstring(mjml.encode("utf-8", "replace"), parser)
    for error in parser.error_log:
        if error.type != etree.ErrorTypes.ERR_UNDECLARED_ENTITY:
            return Fault(_place(mjml, error.line, error.column), error.message[:100])
    return Fault(max(len(mjml) - 1, 0), "it ends too early")


def _place(text: str, line: int, column: int) -> int:
    lines = text.split("\n")
    return min(sum(len(one) + 1 for one in lines[: line - 1]) + max(column - 1, 0), max(len(text) - 1, 0))
