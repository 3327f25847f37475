"""Which addresses of Amazon SNS are asked: those that a message names come from whoever posted it."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

_AWS = r"https://sns\.(?P<region>[a-z]{2,}(?:-[a-z0-9]+)+)\.amazonaws\.com(?:\.cn)?"
# Both to the last character: other paths of that host answer what a stranger can choose.
_CERTIFICATE = r"/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem"
_CONFIRMATION = r"/\?Action=ConfirmSubscription&[A-Za-z0-9%&=_.~:+-]{1,2000}"


class SnsAddresses:
    """The addresses of one SNS: Amazon's in a topic's own region or, with ``base_url``, a look-alike's and no other."""

    def __init__(self, base_url: str = "") -> None:
        origin = re.escape(base_url.rstrip("/")) if base_url else _AWS
        self._certificate = re.compile(origin + _CERTIFICATE)
        self._confirmation = re.compile(origin + _CONFIRMATION)

    def has_certificate(self, url: str, topic: str) -> bool:
        """Whether the certificate that signs for ``topic``, an ARN, is found there."""
        return _is_in_region(self._certificate.fullmatch(url), topic)

    def confirms(self, url: str, topic: str) -> bool:
        """Whether asking it confirms a subscription to ``topic``, and does nothing else."""
        if not _is_in_region(self._confirmation.fullmatch(url), topic):
            return False
        asked = parse_qs(urlsplit(url).query)
        return asked.get("Action") == ["ConfirmSubscription"] and asked.get("TopicArn") == [topic]


def _is_in_region(found: re.Match[str] | None, topic: str) -> bool:
    """Whether it is an address, and one of the topic's region if regions have addresses of their own."""
    if found is None:
        return False
    region = found.groupdict().get("region")
    return region is None or topic.split(":")[3:4] == [region]
