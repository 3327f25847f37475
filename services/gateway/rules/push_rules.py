"""What a push may carry: known at the door, so that no provider has to refuse it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from shared.errors import PulseError, invalid_field, together
from shared.saying.said import Push
from shared.text.channel_bounds import NOTIFICATION_ID

#: https://firebase.google.com/docs/cloud-messaging: words and beginnings of words that FCM keeps to itself;
#: ``aps`` is Apple's, beside which data travels.
_RESERVED = frozenset({"from", "message_type", "collapse_key", "aps"})
_RESERVED_BEGINNINGS = ("google", "gcm")
#: A scheme (RFC 3986, section 3.1) with something behind it.
_LINK = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?[^\s\\]+")
#: Schemes that run what they carry, or lead into the device itself.
_NO_LINKS = frozenset(
    {"javascript", "data", "vbscript", "file", "blob", "about", "content", "view-source", "filesystem"}
    | {"intent", "android-app", "jar", "resource", "livescript", "mocha", "mhtml", "ftp", "ftps", "ws", "wss", "chrome"}
)
#: Kinds of characters that show nothing, or turn the direction: an address with one is read as another.
_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
#: As APNs takes an id by which pushes replace each other, and FCM a label; what is Liquid is only known when rendered.
_COLLAPSE_KEY = re.compile(r"[\x20-\x7e]{0,64}")
_LABEL = re.compile(r"[a-zA-Z0-9_.~%-]{0,50}")


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
    if not _COLLAPSE_KEY.fullmatch(push.collapse_key):
        description = "has more than 64 characters, or others than ASCII's printable ones"
        yield invalid_field(f"{path}.collapse_key", "INVALID_COLLAPSE_KEY", description)
    if not _LABEL.fullmatch(push.analytics_label):
        description = "has more than 50 characters, or others than letters, digits and -_.~%"
        yield invalid_field(f"{path}.analytics_label", "INVALID_ANALYTICS_LABEL", description)


def is_link(link: str) -> bool:
    """Whether a tap may open it."""
    found = _LINK.fullmatch(link)
    if found is None or _hides(link):
        return False
    scheme = found[1].lower()
    if scheme in ("http", "https"):
        return _is_web(link, scheme)
    return scheme not in _NO_LINKS


def _hides(address: str) -> bool:
    return not address.isascii() and any(unicodedata.category(sign) in _UNSEEN for sign in address)


def _is_web(address: str, scheme: str) -> bool:
    return not _hides(address) and re.fullmatch(rf"(?i:{scheme})://[^\s/?#\\@]+([/?#][^\s\\]*)?", address) is not None
