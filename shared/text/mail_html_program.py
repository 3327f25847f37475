"""Compiles MJML, and puts CSS in line: a program of its own, as nothing else could bound what it takes.

Its libraries are no Python: what is nested deeply ends their process, and what takes long cannot be broken off. It is
given jobs on its standard input and answers on its standard output, in JSON; the system ends it after some CPU time. It
reads no file and calls nobody. It stands alone, so that it starts quickly.
"""

from __future__ import annotations

import json
import re
import resource
import sys
from typing import Any

import css_inline
import mrml

#: CPU time of all jobs, s, and what they may take of memory, bytes.
CPU_SECONDS = 3
_MEMORY = 2 * 2**30

#: Liquid as it is masked (:mod:`shared.text.liquid_masks`): between tags, and a tag of it elsewhere.
_COMMENT, _TAG = r"<!--zq[0-9]+z[0-9]+[xt]-->", r"zq[0-9]+z[0-9]+t"
#: MJML, and what stands around it.
_MJML = re.compile(rf"((?:{_COMMENT}|\s)*)(<mjml\b.*</mjml\s*>)((?:{_COMMENT}|\s)*)", re.I | re.S)
#: A style in which Liquid has a choice, from which no rule can be taken; and such an attribute.
_STYLE = re.compile(rf"<style\b[^>]*>(?:(?!</style).)*?{_TAG}.*?</style\s*>", re.I | re.S)
_STYLE_ATTRIBUTE = re.compile(rf"\sstyle\s*=\s*(?:\"[^\"]*?{_TAG}[^\"]*\"|'[^']*?{_TAG}[^']*')", re.I)
#: Rows that Liquid stands before: the body of their table, which parsers put between, would begin behind it.
_ROWS = re.compile(rf"(<table\b[^>]*>|</(?:thead|caption|colgroup)\s*>)(\s*(?:{_COMMENT}\s*)+<tr\b)", re.I)

_KEPT = "<!--zqstyle{}-->"
_IGNORED = ' data-css-inline="ignore"'
_PLACE = re.compile(r" in root template(?: at position ([0-9]+):[0-9]+)?")


def done(job: dict[str, Any]) -> dict[str, Any]:
    """One job's answer: ``html``, or ``error`` in a library's words and ``at``, its place in MJML, or -1."""
    html = job["html"]
    try:
        if job["mjml"]:
            html = compiled(html)
        return {"html": in_line(html) if re.search("<style", html, re.I) else html}
    except Exception as error:
        found = _PLACE.search(str(error))
        place = int(found[1]) if found and found[1] else -1
        at = len(html.encode()[:place].decode("utf-8", "ignore")) if place >= 0 else -1
        return {"error": _PLACE.sub("", str(error)), "at": at}


def compiled(mjml: str) -> str:
    """HTML; what Liquid stands around the MJML stands around it."""
    found = _MJML.fullmatch(mjml)
    before, inner, after = found.groups() if found else ("", mjml, "")
    # What stands before counts in places that errors tell.
    inner = " " * len(before.encode()) + inner
    return before + mrml.to_html(inner, mrml.ParserOptions(include_loader=mrml.noop_loader())).content + after


def in_line(html: str) -> str:
    """The HTML with its styles' rules at the elements that they are for; at-rules, and what is left alone, stay."""
    kept: list[str] = []

    def keep(style: re.Match[str]) -> str:
        kept.append(style[0])
        return _KEPT.format(len(kept) - 1)

    html = _STYLE.sub(keep, html)
    html = _STYLE_ATTRIBUTE.sub(lambda attribute: _IGNORED + attribute[0], html)
    html = _ROWS.sub(r"\1<tbody>\2", html)
    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True, keep_link_tags=True)
    made = inliner.inline(html).replace(_IGNORED, "")
    for n, style in enumerate(kept):
        made = made.replace(_KEPT.format(n), style)
    return made


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    jobs = json.load(sys.stdin.buffer)
    json.dump([done(job) for job in jobs], sys.stdout)


if __name__ == "__main__":
    main()
