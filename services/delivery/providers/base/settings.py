"""Settings that every provider knows beside its own."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from shared.config import PREFIX, Settings
from shared.net.domains import ascii_url


class ProviderSettings(Settings):
    """What a provider's own settings begin with.

    All providers' become one class, :class:`services.delivery.config.DeliverySettings`: so the name of a provider's
    fields and checks begins with that of its folder, as do its keys in the environment.
    """

    public_url: str = Field(
        "",
        pattern="^(https?://[^/?#]+.*)?$",
        description="Pulse's own address, for providers' callbacks and links to unsubscribe; empty: none",
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


def check_has_host(field: str, url: str) -> None:
    """Raises ValueError for an address that leads nowhere; empty text is none."""
    if url and not urlsplit(url).hostname:
        raise ValueError(f"{PREFIX}{field.upper()} must be an address such as https://host")
