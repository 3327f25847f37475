"""Push through Firebase Cloud Messaging (HTTP v1)."""

from __future__ import annotations

import uuid
from typing import Any, Self

import firebase_admin
from firebase_admin import credentials, exceptions, messaging
from google.auth.exceptions import GoogleAuthError, TransportError

from services.delivery.providers.base.blocking import BlockingProvider
from services.delivery.providers.base.call import Call
from services.delivery.providers.base.deadline_adapter import DeadlineAdapter, prepare_session
from services.delivery.providers.base.http_errors import never_sent, retry_after_seconds
from services.delivery.providers.fcm import fcm_errors
from services.delivery.providers.fcm.local_credential import LocalCredential
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

_ERROR_CODES: tuple[tuple[type[Exception], str], ...] = (
    (messaging.UnregisteredError, "UNREGISTERED"),
    (messaging.SenderIdMismatchError, "SENDER_ID_MISMATCH"),
    (messaging.QuotaExceededError, "QUOTA_EXCEEDED"),
    (messaging.ThirdPartyAuthError, "THIRD_PARTY_AUTH_ERROR"),
)

log = logger(__name__)


class FcmProvider(BlockingProvider[messaging.Message]):
    """Sends pushes; blocking, from any number of threads, over shared kept connections."""

    name = "fcm"
    channel = "PUSH"

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
        self._clock = clock
        self._adapter = DeadlineAdapter(connections)
        self.concurrency = connections
        self._service = _service(self._app, self._adapter, base_url.rstrip("/"))

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

    def build(self, outgoing: Outgoing) -> messaging.Message | Outcome:
        if not outgoing.to:
            return permanent("INVALID_ARGUMENT", "there is no device token")
        payload = push_payload(outgoing.notification_id, outgoing.subject, outgoing.body)
        if push_bytes(payload) > LARGEST_PUSH:
            return permanent("PAYLOAD_TOO_LARGE", f"a push has at most {LARGEST_PUSH} bytes")
        push = _push(payload, outgoing.to)
        self._service.encode_message(push)  # as the SDK will do: it checks every field
        return push

    def call(self, message: messaging.Message, call: Call) -> Outcome:
        """A refused connection is certain; a request without a readable answer is not."""
        try:
            return succeeded(self._service.send(message))
        except exceptions.FirebaseError as error:
            return self._failed(error, call)
        except GoogleAuthError as error:  # raised while a token is fetched, before the push goes out
            log.error("fcm gave no access token", kind=type(error).__name__)
            if isinstance(error, TransportError) or error.retryable:
                return transient("FCM_NO_ACCESS_TOKEN", "no access token is to be had now")
            return misconfigured("FCM_NO_ACCESS_TOKEN", "no access token", "PULSE_FCM_CREDENTIALS_FILE")
        except (ValueError, KeyError, TypeError):  # what the SDK makes of an answer that is none
            if not call.sent:
                raise
            return unanswered("FCM_GARBAGE", "FCM's answer cannot be read")

    def close(self) -> None:
        self._adapter.close()
        firebase_admin.delete_app(self._app)

    def _failed(self, error: exceptions.FirebaseError, call: Call) -> Outcome:
        response = error.http_response
        if response is None:
            if error.cause is not None and never_sent(error.cause, call):
                return transient("FCM_UNREACHABLE", "FCM cannot be reached")
            return unanswered("FCM_NO_ANSWER", "FCM did not answer")
        code = next((code for kind, code in _ERROR_CODES if isinstance(error, kind)), error.code)
        if response.status_code < 500 and fcm_errors.is_configuration(response.status_code, code):
            log.error("fcm refuses Pulse's configuration", status=response.status_code, code=code)
        retry_after = retry_after_seconds(call.retry_after, self._clock.now())
        return fcm_errors.classify(response.status_code, code, retry_after, _json(response))


def _json(response: Any) -> Any:
    """What an answer holds; None if it is no JSON."""
    try:
        return response.json()
    except ValueError:
        return None


def _service(app: firebase_admin.App, adapter: DeadlineAdapter, base_url: str) -> Any:
    """The SDK's sender with our connections, for access tokens too, and without its retries inside a call.

    The SDK offers no public way to either, nor to another address: a contract test holds these private names.
    """
    service = messaging._get_messaging_service(app)
    session = service._client.session
    prepare_session(session, adapter, base_url)
    session.adapters.pop("https://fcm.googleapis.com", None)
    prepare_session(session._auth_request_session, adapter, base_url)
    if base_url != FCM_URL:
        service._fcm_url = f"{base_url}/v1/projects/{app.project_id}/messages:send"
    return service


def _push(payload: dict[str, dict[str, str]], token: str) -> messaging.Message:
    push = messaging.Message(data=payload["data"], notification=messaging.Notification(**payload["notification"]))
    # The constructor warns at every call that tokens give way to installation ids, which callers do not have.
    push.token = token
    return push
