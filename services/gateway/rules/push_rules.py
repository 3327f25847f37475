"""What a push may carry: known at the door, so that no provider has to refuse it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared.errors import PulseError, invalid_field, together
from shared.saying.said import Push
from shared.text.channel_bounds import NOTIFICATION_ID

#: https://firebase.google.com/docs/cloud-messaging: words and beginnings of words that FCM keeps to itself.
_RESERVED = frozenset({"from", "message_type", "collapse_key"})
_RESERVED_BEGINNINGS = ("google", "gcm")
#: A scheme (RFC 3986, section 3.1) with something behind it.
_LINK = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?[^\s\\]+")
#: Schemes that run what they carry, or lead into the device itself.
_NO_LINKS = frozenset(
    {"javascript", "data", "vbscript", "file", "blob", "about", "content", "view-source", "filesystem"}
)


def check(push: Push, path: str = "push") -> None:
    """Raises INVALID_ARGUMENT that names everything no device or provider would take; ``path`` is where it stands."""
    refusals = list(_refusals(push, path))
    if refusals:
        raise together(refusals)


def _refusals(push: Push, path: str) -> Iterator[PulseError]:
    for key in push.data:
        if key == NOTIFICATION_ID:
            yield invalid_field(f"{path}.data.{key}", "PUSH_DATA_KEY_RESERVED", "is set by Pulse itself")
        elif key.lower() in _RESERVED or key.lower().startswith(_RESERVED_BEGINNINGS):
            yield invalid_field(f"{path}.data.{key}", "PUSH_DATA_KEY_RESERVED", "is a key that FCM keeps to itself")
    if push.link and not is_link(push.link):
        description = "is not an address by http or https, or by an app's own scheme"
        yield invalid_field(f"{path}.link", "INVALID_LINK", description)
    if push.image and not _is_web(push.image, "https"):
        yield invalid_field(f"{path}.image", "INVALID_IMAGE", "is not an address by https")
    if "/" in push.icon and not _is_web(push.icon, "https"):
        yield invalid_field(f"{path}.icon", "INVALID_ICON", "is neither the name of a drawable nor an address by https")


def is_link(link: str) -> bool:
    """Whether a tap may open it."""
    found = _LINK.fullmatch(link)
    if found is None:
        return False
    scheme = found[1].lower()
    if scheme in ("http", "https"):
        return _is_web(link, scheme)
    return scheme not in _NO_LINKS


def _is_web(address: str, scheme: str) -> bool:
    return re.fullmatch(rf"(?i:{scheme})://[^\s/?#\\@]+([/?#][^\s\\]*)?", address) is not None
