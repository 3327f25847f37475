"""Whether a content for WhatsApp is named as Twilio names its own."""

from __future__ import annotations

import re

from shared.errors import invalid_field
from shared.saying.said import Whatsapp

_CONTENT_SID = re.compile(r"HX[0-9a-fA-F]{32}")


def check(said: Whatsapp) -> None:
    """Raises INVALID_ARGUMENT; ``said`` is the request's laid over the template's, rendered."""
    if said.content_sid and not _CONTENT_SID.fullmatch(said.content_sid):
        raise invalid_field(
            "whatsapp.content_sid",
            "WHATSAPP_CONTENT_SID_INVALID",
            "is no content of Twilio's",
            "write it as HX and 32 hexadecimal digits",
        )
    if said.content_variables and not said.content_sid:
        raise invalid_field(
            "whatsapp.content_variables", "WHATSAPP_CONTENT_SID_MISSING", "are for a content, and none is named"
        )
