"""The text of a mail that has HTML alone.

HTML may be made so that its text takes long or grows: so a layout is read as lines, without columns, indents or styles.
"""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import lxml.html
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.html_engine import Inscriptis
from inscriptis.model.config import ParserConfig
from lxml.etree import Comment

from shared.text.liquid.bounds import MAX_OUTPUT
from shared.text.rendering import Rendered

#: Most tags that are read as what they are; each takes some 10 us.
_MOST_TAGS = 4_000
#: Deepest lists: what is indented deeper would grow with each line.
_DEEPEST_LIST = 8
#: What stands in a table, as what takes up no columns: all cells of a row are as high as its highest.
_TABLES = {"table": "div", "caption": "div", "thead": "div", "tbody": "div", "tfoot": "div", "tr": "div"}
_CELLS = ("td", "th")
_LISTS = ("ul", "ol", "blockquote", "dl", "dd")
#: Not shown, or of no meaning in a text.
_UNSEEN = ("script", "style", "head", "title", "template", "noscript")
_CONFIG = ParserConfig(css=CSS_PROFILES["strict"], display_links=True)
#: Attributes that say something to who reads the text.
_READ = {"href", "alt"}
_TAG = re.compile(r"<[^<>]*>")
_MANY_LINES = re.compile(r"\n[ \t\n]*\n")


def lacks_text(rendered: Rendered) -> bool:
    """Whether its text is to be made from its HTML."""
    return not rendered.body and bool(rendered.html_body)


def completed(rendered: Rendered) -> Rendered:
    """The same with a text that is made from its HTML, if it has none. Takes some 50 ms at the most."""
    return replace(rendered, body=text_of_html(rendered.html_body)) if lacks_text(rendered) else rendered


def text_of_html(html: str) -> str:
    """What a reader of the HTML would read; where a link leads stands behind its words."""
    if html.count("<") > _MOST_TAGS:
        return _words(html)
    try:
        text = Inscriptis(_plain(html), _CONFIG).get_text()
    except Exception:  # whatever a parser makes of HTML that is none, the words in it are there
        return _words(html)
    return _MANY_LINES.sub("\n\n", text).strip()[:MAX_OUTPUT]


def _words(html: str) -> str:
    """What stands between tags, at a hundredth of the cost."""
    return " ".join(unescape(_TAG.sub(" ", html)).split())


def _plain(html: str) -> lxml.html.HtmlElement:
    """HTML of lines and lists alone. Raises what the parser raises."""
    tree = lxml.html.document_fromstring(html)
    for element in [*tree.iter(*_UNSEEN, Comment)]:
        element.clear(keep_tail=True)
    for element in tree.iter("*"):
        if element.tag in _CELLS:
            element.tag, element.tail = "span", " " + (element.tail or "")
        element.tag = _TABLES.get(element.tag, element.tag)
        for name in {*element.attrib} - _READ:
            del element.attrib[name]
    _flatten(tree, 0)
    return tree


def _flatten(element: lxml.html.HtmlElement, depth: int) -> None:
    """Lists that are nested too deeply become lines."""
    if element.tag in _LISTS:
        depth += 1
        element.tag = element.tag if depth <= _DEEPEST_LIST else "div"
    for inner in element:
        _flatten(inner, depth)
