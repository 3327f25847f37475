"""AWS Signature Version 4 as it is carried in a header: its form is checked, its value is not, as any key is good.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import re

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/,\s]+/\d{8}/[a-z0-9-]+/(?P<service>[a-z0-9-]+)/aws4_request, ?"
    r"SignedHeaders=[a-z0-9;-]+, ?Signature=[0-9a-f]{64}"
)


def is_signed(authorization: str, service: str) -> bool:
    """Whether the header has the form of a signature for ``service``."""
    found = _HEADER.fullmatch(authorization)
    return found is not None and found["service"] == service
