"""How much of an error crosses the wire: its trailers stay under 4 KiB, whatever texts of callers it holds.

Peers and proxies drop a call's trailers beyond some size, and with them the whole answer. gRPC sends the message twice:
percent-encoded, where a byte beyond printable ASCII takes three, and in a Status whose bytes go in base64.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

#: Longest text of a caller that a sentence quotes, characters.
LONGEST_QUOTE = 100
#: Longest message, bytes as gRPC percent-encodes it.
MESSAGE = 512
#: Longest reason, hint, and path or description of one violation, bytes.
REASON, HINT, TEXT = 63, 200, 200
#: All violations of fields, all of limits, and all metadata beside the hint, bytes.
VIOLATIONS, LIMITS, METADATA = 900, 200, 200

_MARK = "…"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: What protobuf may add to the two texts of an entry: tags, lengths, a number; bytes.
_FRAME = 20

Item = TypeVar("Item")


def quoted(text: str) -> str:
    """A caller's text as a sentence may hold it: cut with a mark, nothing in it that breaks a line."""
    return repr(text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + _MARK)


def utf8_bytes(text: str) -> int:
    """Its length in UTF-8."""
    return len(text.encode())


def percent_bytes(text: str) -> int:
    """Its length as grpc-message: whatever is not printable ASCII takes three bytes for one, and so does "%"."""
    return sum(1 if 0x20 <= byte <= 0x7E and byte != 0x25 else 3 for byte in text.encode())


def fit(text: str, most: int, measure: Callable[[str], int] = utf8_bytes) -> str:
    """The text, or so much of its beginning and a mark as takes at most ``most`` bytes by ``measure``.

    What breaks a line or steers a terminal is replaced; a header's value neither begins nor ends with a space.
    """
    begin = text.strip()[: most + 1].encode("utf-8", "replace").decode()
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", begin)
    if measure(text) <= most:
        return text
    room = most - measure(_MARK)
    end = 0
    while (room := room - measure(text[end])) >= 0:
        end += 1
    return text[:end] + _MARK


def first(items: Iterable[Item], texts: Callable[[Item], tuple[str, str]], most: int) -> list[Item]:
    """The first of ``items`` whose ``texts`` together fit ``most`` bytes."""
    kept = []
    for item in items:
        most -= _FRAME + sum(map(utf8_bytes, texts(item)))
        if most < 0:
            break
        kept.append(item)
    return kept
