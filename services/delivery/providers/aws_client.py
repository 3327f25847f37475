"""One AWS API through boto3: calls that end by a deadline, over kept connections, and are made once."""

from __future__ import annotations

import threading
import time
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProxyConnectionError,
)

from services.delivery.config import DeliverySettings
from services.delivery.providers import aws_errors
from services.delivery.providers.base import Outcome, misconfigured, transient, unanswered
from services.delivery.providers.deadline_adapter import CONNECT_SECONDS
from services.delivery.providers.http_errors import never_sent, retry_after_seconds
from services.delivery.providers.outgoing_proxies import proxies_for
from shared.clock import Clock
from shared.logs import logger

_BEFORE_SENDING = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError)
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError)

log = logger(__name__)


class AwsClient:
    """Safe for several threads: each has its own deadline. ``name`` is the provider's, for codes and texts."""

    def __init__(
        self, name: str, service: str, region: str, base_url: str, connections: int, settings: DeliverySettings
    ) -> None:
        self._name = name
        self._own = threading.local()
        # Without keys AWS's own chain is asked: environment, profile, the role of the machine or container.
        session = boto3.session.Session(
            aws_access_key_id=settings.aws_access_key_id or None,
            aws_secret_access_key=settings.aws_secret_access_key.get_secret_value() or None,
            region_name=region,
        )
        config = Config(
            connect_timeout=min(CONNECT_SECONDS, settings.delivery_call_seconds),
            read_timeout=settings.delivery_call_seconds,
            retries={"total_max_attempts": 1, "mode": "standard"},  # the ledger knows when to try again
            max_pool_connections=connections,
            tcp_keepalive=True,
            proxies=proxies_for(base_url) if base_url else None,  # None: as botocore reads the environment
        )
        self._client: Any = session.client(service, endpoint_url=base_url or None, config=config)
        self._client.meta.events.register("before-call", self._limit)
        self._client.meta.events.register("before-send", self._trace)

    def call(self, operation: str, deadline: float, *, traceparent: str = "", **parameters: Any) -> Any:
        """One call until ``deadline`` (monotonic) that carries its trace; raises BotoCoreError or ClientError."""
        self._own.deadline = deadline
        self._own.traceparent = traceparent
        return getattr(self._client, operation)(**parameters)

    def failed(self, error: BotoCoreError | ClientError, clock: Clock) -> Outcome:
        """What a failed call means for the notification."""
        if isinstance(error, ClientError):
            return self._refused(error, clock)
        code = self._name.upper()
        if isinstance(error, _NO_CREDENTIALS):
            log.error("no AWS credentials", provider=self._name)
            return misconfigured(f"{code}_NO_CREDENTIALS", "no AWS credentials", "PULSE_AWS_ACCESS_KEY_ID")
        cause = error.kwargs.get("error")
        if isinstance(error, _BEFORE_SENDING) or (isinstance(cause, BaseException) and never_sent(cause)):
            return transient(f"{code}_UNREACHABLE", f"{self._name} cannot be reached")
        return unanswered(f"{code}_NO_ANSWER", f"{self._name} gave no answer that can be read")

    def close(self) -> None:
        self._client.close()

    def _limit(self, context: dict[str, Any], **_: Any) -> None:
        """What is left of the thread's deadline is the longest wait for the answer."""
        context["read_timeout"] = max(self._own.deadline - time.monotonic(), 0.001)

    def _trace(self, request: Any, **_: Any) -> None:
        """Adds the call's context after it was signed: AWS checks the headers that the signature names, no others."""
        if self._own.traceparent:
            request.headers["traceparent"] = self._own.traceparent

    def _refused(self, error: ClientError, clock: Clock) -> Outcome:
        answer: Any = error.response
        metadata = answer.get("ResponseMetadata", {})
        status = metadata.get("HTTPStatusCode", 0)
        code, text = answer["Error"].get("Code", ""), answer["Error"].get("Message", "")
        retry_after = retry_after_seconds(metadata.get("HTTPHeaders", {}).get("retry-after"), clock.now())
        if aws_errors.is_configuration(status, code, text):
            log.error("AWS refuses Pulse's configuration", provider=self._name, status=status, code=code)
        return aws_errors.classify(self._name, status, code, text, retry_after)
