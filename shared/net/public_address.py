"""Pulse's own address as the world sees it, for those roles that put it into what they send."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from shared.config import Settings, check_has_host
from shared.net.domains import ascii_url


class PublicAddress(Settings):
    """What the settings of such a role begin with."""

    public_url: str = Field(
        "",
        pattern="^(https?://[^/?#]+.*)?$",
        description="Pulse's own address, for providers' callbacks, links to unsubscribe and to files; empty: none",
    )

    @field_validator("public_url")
    @classmethod
    def _public_url_in_ascii(cls, url: str) -> str:
        """It stands in headers of emails, and providers sign it."""
        url = ascii_url(url)
        if re.search(r"[^!-~]|[<>\"?#]", url):
            raise ValueError("holds a query, a fragment, white space, quotes or brackets: paths are added to it")
        check_has_host("public_url", url)
        return url
