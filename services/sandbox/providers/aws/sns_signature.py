"""SNS's signature: a key and a certificate of the sandbox's own, made at the start, and what is signed with them.

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

VALID_DAYS = 825
#: Those that a message has, of these, are signed in this order.
SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
#: SHA-256; a topic of Amazon's signs by version 1, SHA-1, unless told otherwise.
VERSION = "2"


class SnsSigner:
    """Signs messages. The key is made when it is first needed, which takes a moment."""

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def certificate(self) -> bytes:
        """In PEM."""
        now = datetime.datetime.now(datetime.UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Pulse sandbox SNS")])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)

    @cached_property
    def certificate_path(self) -> str:
        """Where the sandbox serves it; another certificate has another path, as it is kept by those who ask."""
        fingerprint = x509.load_pem_x509_certificate(self.certificate).fingerprint(hashes.SHA256())
        return f"/SimpleNotificationService-{fingerprint.hex()[:32]}.pem"

    def sign(self, message: Mapping[str, str], base_url: str) -> dict[str, str]:
        """The message with its signature; the certificate is found under ``base_url``."""
        text = "".join(f"{name}\n{message[name]}\n" for name in SIGNED if name in message)
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return {
            **message,
            "SignatureVersion": VERSION,
            "Signature": base64.b64encode(signature).decode(),
            "SigningCertURL": base_url + self.certificate_path,
        }
