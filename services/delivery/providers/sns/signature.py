"""Whether a message is Amazon SNS's own: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from services.delivery.providers.sns.addresses import SnsAddresses
from services.delivery.providers.sns.envelope import SnsMessage
from services.delivery.providers.sns.http import SnsRefusal
from shared.clock import Clock
from shared.errors import Code, PulseError

#: How long a certificate is kept: one that Amazon has withdrawn does not count for ever.
KEPT = dt.timedelta(days=1)
#: Certificates kept at once; SNS has one a region, and now and then the next.
MOST_KEPT = 8
SMALLEST_KEY_BITS = 2048
#: When a message may arrive after it was made: SNS goes on trying for an hour at the most
#: (https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html). By how much its clock may be ahead.
OLDEST, AHEAD = dt.timedelta(hours=2), dt.timedelta(minutes=5)

_HASHES: dict[str, type[hashes.HashAlgorithm]] = {"1": hashes.SHA1, "2": hashes.SHA256}


class SnsSignatures:
    """Verifies messages by certificates that ``fetch`` gets; a certificate is trusted for where it came from.

    ``fetch`` raises :class:`~services.delivery.providers.sns.http.SnsRefusal` where there is none, and UNAVAILABLE.
    """

    def __init__(self, addresses: SnsAddresses, fetch: Callable[[str], Awaitable[bytes]], clock: Clock) -> None:
        self._addresses = addresses
        self._fetch = fetch
        self._clock = clock
        self._kept: dict[str, tuple[x509.Certificate, dt.datetime]] = {}

    async def verify(self, message: SnsMessage) -> None:
        """Raises PERMISSION_DENIED, or UNAVAILABLE if its certificate is not to be had now."""
        if message.signature_version not in _HASHES:
            raise not_signed("SignatureVersion is not known")
        if not self._addresses.has_certificate(message.certificate_url, message.topic):
            raise not_signed("SigningCertURL is not an address of Amazon SNS")
        now = self._clock.now()
        check(message, await self._certificate(message.certificate_url), now)
        if not now - OLDEST <= message.made_at <= now + AHEAD:
            raise not_signed("the message was not signed lately: it may be one that somebody kept and sends again")

    async def _certificate(self, url: str) -> x509.Certificate:
        now = self._clock.now()
        kept = self._kept.get(url)
        if kept is not None and now < kept[1]:
            return kept[0]
        try:
            certificate = x509.load_pem_x509_certificate(await self._fetch(url))
        except (SnsRefusal, ValueError):
            raise not_signed("there is no certificate at SigningCertURL") from None
        self._kept.pop(url, None)
        while len(self._kept) >= MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[url] = (certificate, now + KEPT)
        return certificate


def check(message: SnsMessage, certificate: x509.Certificate, now: dt.datetime) -> None:
    """Raises PERMISSION_DENIED unless the certificate's key has signed the message."""
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise not_signed("the certificate is not valid now")
    try:
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey) or key.key_size < SMALLEST_KEY_BITS:
            raise not_signed("the certificate has no RSA key of a good size")
        key.verify(message.signature, message.signed, PKCS1v15(), _HASHES[message.signature_version]())
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        raise not_signed("the signature is not that of this message") from None


def not_signed(why: str) -> PulseError:
    """PERMISSION_DENIED: the message is not signed by SNS."""
    return PulseError(Code.PERMISSION_DENIED, "BAD_SIGNATURE", why)
