"""Certificate: a self-signed one for the sandbox's TLS ports, made once and kept."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID_DAYS = 825
RENEW_DAYS = 30


def tls_context(folder: Path, now: datetime.datetime | None = None) -> ssl.SSLContext:
    """A server context with ``smtp.crt`` and ``smtp.key`` of the folder, made anew if missing or about to end.

    Names: localhost, 127.0.0.1 and ::1. Raises OSError if the folder cannot be written.
    """
    certificate, key = folder / "smtp.crt", folder / "smtp.key"
    now = now or datetime.datetime.now(datetime.UTC)
    if not _is_good(certificate, key, now):
        folder.mkdir(parents=True, exist_ok=True)
        _make(certificate, key, now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


def _is_good(certificate: Path, key: Path, now: datetime.datetime) -> bool:
    if not certificate.exists() or not key.exists():
        return False
    ends = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    return ends - now > datetime.timedelta(days=RENEW_DAYS)


def _make(certificate: Path, key: Path, now: datetime.datetime) -> None:
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Pulse sandbox")])
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(secret, hashes.SHA256())
    )
    key.touch(mode=0o600)
    key.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
