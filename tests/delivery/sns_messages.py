"""Messages as Amazon SNS signs them, with a key of the test's own."""

from __future__ import annotations

import base64
import datetime as dt
import json
from dataclasses import dataclass
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-events"
CERTIFICATE_URL = f"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{'0a' * 16}.pem"
SUBSCRIBE_URL = (
    "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"
    "&TopicArn=arn:aws:sns:eu-west-1:123456789012:ses-events&Token=2336412f37"
)
MADE_AT = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
_HASHES = {"1": hashes.SHA1(), "2": hashes.SHA256()}

NOTIFICATION = {
    "Type": "Notification",
    "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    "TopicArn": TOPIC,
    "Subject": "My First Message",
    "Message": "Hello\nwörld!",
    "Timestamp": "2026-01-02T23:54:06.655Z",
}
SUBSCRIPTION = {
    "Type": "SubscriptionConfirmation",
    "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
    "Token": "2336412f37",
    "TopicArn": TOPIC,
    "Message": "You have chosen to subscribe.",
    "SubscribeURL": SUBSCRIBE_URL,
    "Timestamp": "2026-01-02T23:45:04.751Z",
}


@dataclass(frozen=True)
class Signer:
    """A key and its certificate; signs as SNS documents it."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, message: dict[str, str], version: str = "2", url: str = CERTIFICATE_URL) -> dict[str, str]:
        """The message with its signature, all but its last fields covered by it."""
        names = {
            "Notification": "Message MessageId Subject Timestamp TopicArn Type",
            "SubscriptionConfirmation": "Message MessageId SubscribeURL Timestamp Token TopicArn Type",
            "UnsubscribeConfirmation": "Message MessageId SubscribeURL Timestamp Token TopicArn Type",
        }[message["Type"]].split()
        lines = [line for name in names if name in message for line in (name, message[name])]
        signature = self.key.sign(("\n".join(lines) + "\n").encode(), padding.PKCS1v15(), _HASHES[version])
        signed = {"SignatureVersion": version, "Signature": base64.b64encode(signature).decode()}
        return {**message, **signed, "SigningCertURL": url}

    def body(self, message: dict[str, str], version: str = "2", url: str = CERTIFICATE_URL) -> bytes:
        """Likewise, as it is posted."""
        return json.dumps(self.sign(message, version, url)).encode()


@cache
def signer(name: str = "SNS") -> Signer:
    """One key for a name: making them takes long."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return Signer(key, certificate_for(key))


def certificate_for(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, days: int = 30) -> x509.Certificate:
    """Signed by the key itself, from MADE_AT on."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(MADE_AT)
        .not_valid_after(MADE_AT + dt.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
