"""A page may ask nobody but the console, be framed by nobody, and be kept by nobody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import services.console

STATIC = Path(services.console.__file__).parent / "static"
TEMPLATES = STATIC.parent / "templates"


@pytest.mark.parametrize("path", ["/console", "/console/notifications", "/console/nothing", "/docs", "/redoc"])
async def test_every_page_says_what_it_may_do(visitor, path):
    headers = (await visitor.get(path)).headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert "script-src" not in headers["content-security-policy"], "scripts come from here and are never inline"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


async def test_scripts_and_styles_may_be_kept(visitor):
    style = await visitor.get("/console/static/console.css")
    assert style.headers["cache-control"] != "no-store"


@pytest.mark.parametrize("page", sorted(TEMPLATES.rglob("*.html")), ids=lambda page: page.name)
def test_no_page_has_an_inline_script_or_style_or_asks_another_host(page):
    text = page.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)
    assert not re.search(r'(src|href|action|hx-\w+)="(https?:)?//', text)


async def test_everything_a_page_refers_to_is_there(visitor):
    text = "".join(page.read_text() for page in TEMPLATES.rglob("*.html"))
    paths = set(re.findall(r'"(/console/static/[^"]+)"', text))
    assert len(paths) > 5
    assert {path: (await visitor.get(path)).status_code for path in paths} == dict.fromkeys(paths, 200)


async def test_an_address_without_a_page_is_a_page_too(visitor):
    page = await visitor.get("/console/nothing")
    assert page.status_code == 404
    assert "PAGE_NOT_FOUND" in page.text


async def test_files_beside_the_static_ones_are_out_of_reach(visitor):
    assert (await visitor.get("/console/static/%2e%2e/config.py")).status_code == 404
    assert (await visitor.get("/docs/assets/%2e%2e%2fswagger.html")).status_code == 404
