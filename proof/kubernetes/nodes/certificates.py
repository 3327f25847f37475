"""A certificate authority for one run: who everybody in the cluster is."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

API_SERVER = "https://10.200.0.1:6443"

_LIFE = dt.timedelta(days=1)

_KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: proof, cluster: {{server: "{server}", certificate-authority: {folder}/ca.crt}}}}]
users: [{{name: {name}, user: {{client-certificate: {folder}/{name}.crt, client-key: {folder}/{name}.key}}}}]
contexts: [{{name: proof, context: {{cluster: proof, user: {name}}}}}]
current-context: proof
"""


class Authority:
    """Keeps its own certificate in ``ca.crt`` of ``folder``, and there writes those that it issues."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.certificate = folder / "ca.crt"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "proof")])
        builder = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(True, None), critical=True)
        self._write("ca", self._key, builder)

    def issue(self, name: str, user: str, *groups: str, serves: tuple[str, ...] = ()) -> None:
        """``name.crt`` and ``name.key`` for a user of the API in groups, and for a server at these addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, user)])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
        builder = self._builder(subject, key).add_extension(usage, critical=False)
        if serves:
            names = x509.SubjectAlternativeName([_general(each) for each in serves])
            builder = builder.add_extension(names, critical=False)
        self._write(name, key, builder)

    def kubeconfig(self, name: str) -> Path:
        """The file by which the one with this certificate finds the API server."""
        file = self.folder / f"{name}.conf"
        file.write_text(_KUBECONFIG.format(server=API_SERVER, folder=self.folder, name=name))
        return file

    def token_keys(self) -> None:
        """``tokens.key`` and ``tokens.pub``, by which service accounts' tokens are signed and verified."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._write_key("tokens", key)
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self.folder / "tokens.pub").write_bytes(public)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + _LIFE)
        )

    def _write(self, name: str, key: ec.EllipticCurvePrivateKey, builder: x509.CertificateBuilder) -> None:
        self._write_key(name, key)
        certificate = builder.sign(self._key, hashes.SHA256())
        (self.folder / f"{name}.crt").write_bytes(certificate.public_bytes(Encoding.PEM))

    def _write_key(self, name: str, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / f"{name}.key").write_bytes(text)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
