"""A service account for a look-alike of FCM: it goes through the real token exchange, and opens nothing."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from firebase_admin import credentials
from google.oauth2 import service_account

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"


class LocalCredential(credentials.Base):  # type: ignore[misc]  # firebase-admin's types end here
    """Signs with a key made now; asks ``token_uri`` for access tokens, and nobody else for anything."""

    def __init__(self, project_id: str, token_uri: str) -> None:
        account = f"pulse@{project_id}.iam.gserviceaccount.com"
        info = {"private_key": _private_key(), "client_email": account, "token_uri": token_uri}
        # An account that acts for a subject is spared google-auth's look-up of its regions at googleapis.com.
        self._credential: service_account.Credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            info, scopes=[SCOPE], subject=account
        )

    def get_credential(self) -> service_account.Credentials:
        return self._credential


def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
