"""Domains in letters of any script, as machines write them: A-labels (IDNA 2008, RFC 5891, mapped by UTS 46).

The standard library's ``idna`` codec is IDNA 2003, by which ``straße.de`` would be somebody else's ``strasse.de``.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

import idna

#: What stays as it is in a path or query (RFC 3986, section 3.3), what is encoded already included.
_SAFE = "/%:@!$&'()*+,;=~"


class BadDomain(ValueError):
    """A domain that cannot be written in ASCII; the text does not repeat it."""


def ascii_domain(domain: str) -> str:
    """The domain in A-labels; one in ASCII as it is. Raises :class:`BadDomain`."""
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise BadDomain("the domain cannot be written in ASCII") from None


def ascii_url(url: str) -> str:
    """The address with its host in A-labels, the rest percent-encoded; one in ASCII as it is.

    Raises :class:`BadDomain`, ValueError for what is no address.
    """
    if url.isascii():
        return url
    parts = urlsplit(url)
    user, at, place = parts.netloc.rpartition("@")
    host, colon, port = place.partition(":")  # an address of IPv6 is in ASCII
    netloc = f"{quote(user, safe=':%')}{at}{ascii_domain(host)}{colon}{port}"
    path, query = quote(parts.path, safe=_SAFE), quote(parts.query, safe=_SAFE + "?")
    return urlunsplit((parts.scheme, netloc, path, query, ""))
