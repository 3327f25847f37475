"""Push through Firebase Cloud Messaging (HTTP v1)."""

from __future__ import annotations

import json
import uuid
from typing import Any, Self

import firebase_admin
import httpx
from firebase_admin import _utils, credentials, exceptions, messaging
from google.auth.exceptions import GoogleAuthError, TransportError

from services.delivery.providers.base.call import Call
from services.delivery.providers.base.http_answer import Answer
from services.delivery.providers.base.http_client import HttpClient, target_of
from services.delivery.providers.base.http_provider import HttpProvider
from services.delivery.providers.fcm import fcm_errors
from services.delivery.providers.fcm.access_token import AccessToken
from services.delivery.providers.fcm.local_credential import LocalCredential
from services.delivery.providers.fcm.push_message import push_message
from services.delivery.providers.fcm.settings import FCM_URL, FcmSettings
from services.delivery.rules.provider import (
    Outcome,
    Outgoing,
    misconfigured,
    permanent,
    succeeded,
    transient,
    unanswered,
)
from shared.clock import Clock
from shared.observe.logs import logger
from shared.text.channel_bounds import LARGEST_PUSH, push_bytes, push_payload

#: How often a push that was refused by 401 is sent again with a fresh access token, as the SDK does.
FRESH_TOKENS = 2

_ERROR_CODES: tuple[tuple[type[Exception], str], ...] = (
    (messaging.UnregisteredError, "UNREGISTERED"),
    (messaging.SenderIdMismatchError, "SENDER_ID_MISMATCH"),
    (messaging.QuotaExceededError, "QUOTA_EXCEEDED"),
    (messaging.ThirdPartyAuthError, "THIRD_PARTY_AUTH_ERROR"),
)
_HEADERS = {
    "Content-Type": "application/json",
    "X-GOOG-API-FORMAT-VERSION": "2",
    "X-FIREBASE-CLIENT": f"fire-admin-python/{firebase_admin.__version__}",
    "x-goog-api-client": _utils.get_metrics_header(),
}

log = logger(__name__)


class FcmProvider(HttpProvider[bytes]):
    """Sends pushes. Credentials, encoding and errors are the SDK's; its two HTTP clients are not used.

    They cost nine and twenty times as much, know no deadline for a whole call, and repeat what may have been heard.
    """

    name = "fcm"
    channel = "PUSH"
    peer = "FCM"

    def __init__(
        self,
        credential: Any,
        project_id: str,
        *,
        base_url: str = FCM_URL,
        connections: int,
        clock: Clock,
    ) -> None:
        options = {"projectId": project_id} if project_id else {}
        self._app = firebase_admin.initialize_app(credential, options, name=f"pulse-{uuid.uuid4()}")
        if not self._app.project_id:
            raise ValueError("PULSE_FCM_PROJECT_ID is needed: the credentials name no project")
        self._clock = clock
        self._http = HttpClient(base_url, connections)
        url = f"{base_url.rstrip('/')}/v1/projects/{self._app.project_id}/messages:send"
        self._target = target_of(url)
        self._token = AccessToken(self._app.credential.get_credential(), url)
        self.concurrency = connections

    @classmethod
    def from_settings(cls, settings: FcmSettings, clock: Clock) -> Self:
        """Connects to nothing yet; raises OSError or ValueError for a key file that is none."""
        base_url, project = settings.fcm_base_url, settings.fcm_project_id
        if settings.fcm_credentials_file:
            credential: Any = credentials.Certificate(settings.fcm_credentials_file)
        else:
            project = project or "pulse-local"
            credential = LocalCredential(project, token_uri=f"{base_url.rstrip('/')}/token")
        return cls(
            credential,
            project,
            base_url=base_url or FCM_URL,
            connections=settings.fcm_connections,
            clock=clock,
        )

    def build(self, outgoing: Outgoing) -> bytes | Outcome:
        """The body of the request."""
        if not outgoing.to:
            return permanent("INVALID_ARGUMENT", "there is no device token")
        payload = push_payload(outgoing.notification_id, outgoing.subject, outgoing.body, outgoing.said.push)
        if push_bytes(payload) > LARGEST_PUSH:
            return permanent("PAYLOAD_TOO_LARGE", f"a push has at most {LARGEST_PUSH} bytes")
        encoded = messaging._MessagingService.encode_message(push_message(outgoing))
        return json.dumps({"message": encoded}, separators=(",", ":")).encode("ascii")

    async def ask(self, message: bytes, call: Call) -> Outcome:
        """A refused connection is certain; a request without a readable answer is not."""
        try:
            answer = await self._posted(message, call)
        except GoogleAuthError as error:  # raised while a token is fetched, before the push goes out
            log.error("fcm gave no access token", kind=type(error).__name__)
            if isinstance(error, TransportError) or error.retryable:
                return transient("FCM_NO_ACCESS_TOKEN", "no access token is to be had now")
            return misconfigured("FCM_NO_ACCESS_TOKEN", "no access token", "PULSE_FCM_CREDENTIALS_FILE")
        try:
            return succeeded(json.loads(answer.body)["name"]) if 200 <= answer.status <= 299 else self._refused(answer)
        except (ValueError, KeyError, TypeError):  # what is made of an answer that is none
            return unanswered("FCM_GARBAGE", "FCM's answer cannot be read")

    async def close(self) -> None:
        await self._http.close()
        await self._token.close()
        firebase_admin.delete_app(self._app)

    async def _posted(self, body: bytes, call: Call) -> Answer:
        token = await self._token.headers(call)
        answer = await self._http.post(call, self._target, _HEADERS | token, body)
        for _ in range(FRESH_TOKENS):
            if answer.status != 401:
                break
            call.begin_request()
            token = await self._token.headers(call, instead_of=token)
            answer = await self._http.post(call, self._target, _HEADERS | token, body)
        return answer

    def _refused(self, answer: Answer) -> Outcome:
        error = _error(answer)
        code = next((code for kind, code in _ERROR_CODES if isinstance(error, kind)), error.code)
        if answer.status < 500 and fcm_errors.is_configuration(answer.status, code):
            log.error("fcm refuses Pulse's configuration", status=answer.status, code=code)
        return fcm_errors.classify(answer.status, code, answer.retry_after(self._clock.now()), _json(answer.body))


def _error(answer: Answer) -> exceptions.FirebaseError:
    """What the SDK makes of a refusal. It offers no public way to ask: a contract test holds these private names."""
    request = httpx.Request("POST", FCM_URL)
    response = httpx.Response(answer.status, content=answer.body, request=request)
    error = httpx.HTTPStatusError("refused", request=request, response=response)
    made: exceptions.FirebaseError = _utils.handle_platform_error_from_httpx(
        error, messaging._MessagingService._build_fcm_error_httpx
    )
    return made


def _json(body: bytes) -> Any:
    """What an answer holds; None if it is no JSON."""
    try:
        return json.loads(body)
    except ValueError:
        return None
