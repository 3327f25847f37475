"""A service account for a look-alike of FCM: it works, and opens nothing."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def service_account(project_id: str, token_uri: str) -> dict[str, str]:
    """The content of a service account's key file with a key of its own, made now."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "type": "service_account",
        "project_id": project_id,
        "private_key_id": "local",
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii"),
        "client_email": f"pulse@{project_id}.iam.gserviceaccount.com",
        "token_uri": token_uri,
    }
