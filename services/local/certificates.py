"""Certificates for development: an authority of one's own, and a certificate from it for each role.

A role's folder holds what cert-manager puts into a Secret: ``tls.crt``, ``tls.key`` and ``ca.crt``.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.rpc.identity import ROLES, name_of
from shared.rpc.tls_files import TlsFiles

AUTHORITY_DAYS = 3650
VALID_DAYS = 365
#: A certificate that ends sooner than this is made anew, days.
RENEW_DAYS = 30
#: Clocks of machines may differ.
_EARLIER = dt.timedelta(days=1)


@dataclass(frozen=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def files(folder: Path, role: str) -> TlsFiles:
    """Where a role's certificate stands below ``folder``."""
    return TlsFiles(*(str(folder / role / name) for name in ("tls.crt", "tls.key", "ca.crt")))


def make(folder: Path, now: dt.datetime, *, renew: bool = False) -> list[str]:
    """Makes what is missing or about to end, with ``renew`` every role's certificate; gives the roles that got one.

    The authority stays, so those with a new certificate and those with an old one go on believing each other. Running
    roles take up theirs within seconds. Raises OSError.
    """
    # Closed to others here, and not by the files' own modes: containers mount the folders of roles, as other users.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _authority(folder, now)
    made = [role for role in ROLES if renew or not _lasts(Path(files(folder, role).certificate), now)]
    for role in made:
        _issue(folder, role, authority, now)
    return made


def _lasts(file: Path, now: dt.datetime) -> bool:
    if not file.exists():
        return False
    return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc - now > dt.timedelta(days=RENEW_DAYS)


def _authority(folder: Path, now: dt.datetime) -> _Authority:
    certificate, key = folder / "ca.crt", folder / "ca.key"
    if certificate.exists() and key.exists():
        secret = serialization.load_pem_private_key(key.read_bytes(), None)
        if isinstance(secret, ec.EllipticCurvePrivateKey):
            return _Authority(x509.load_pem_x509_certificate(certificate.read_bytes()), secret)
    made = _new_authority(now)
    _write(key, _private(made.key), 0o600)
    _write(certificate, made.certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return made


def _new_authority(now: dt.datetime) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Pulse development")])
    builder = _builder(name, name, key, now, AUTHORITY_DAYS).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    return _Authority(builder.sign(key, hashes.SHA256()), key)


def _issue(folder: Path, role: str, authority: _Authority, now: dt.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, role)])
    # Besides who it is, where it may be called by programs that go by the address.
    names = [*map(x509.DNSName, (name_of(role), role, "localhost")), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        _builder(name, authority.certificate.subject, key, now, VALID_DAYS)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .sign(authority.key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    place = files(folder, role)
    Path(place.key).parent.mkdir(mode=0o755, exist_ok=True)
    _write(Path(place.authorities), authority.certificate.public_bytes(pem), 0o644)
    _write(Path(place.key), _private(key), 0o644)
    _write(Path(place.certificate), certificate.public_bytes(pem), 0o644)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: dt.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + dt.timedelta(days=days))
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(file: Path, content: bytes, mode: int) -> None:
    """In one step, so that a file is never read half, and watchers of the folder see it come."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.chmod(mode)
    fresh.write_bytes(content)
    fresh.replace(file)
