"""One AWS API: boto3 signs requests and reads answers; they travel over our own connections."""

from __future__ import annotations

import asyncio
import ssl
from functools import partial
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, HeadersDict
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.parsers import create_parser

from services.delivery.providers.aws import aws_errors
from services.delivery.providers.aws.settings import AwsSettings
from services.delivery.providers.base.call import Call
from services.delivery.providers.base.http_answer import Answer, NoAnswer, NotSent, retry_after_seconds
from services.delivery.providers.base.http_client import HttpClient, target_of
from services.delivery.providers.base.threads import Threads
from services.delivery.rules.provider import Outcome, misconfigured
from shared.clock import Clock
from shared.observe.logs import logger

_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError)

log = logger(__name__)


class AwsClient:
    """For one event loop. ``name`` is the provider's, for codes and texts."""

    def __init__(
        self, name: str, service: str, region: str, base_url: str, connections: int, settings: AwsSettings
    ) -> None:
        self._name = name
        # Without keys AWS's own chain is asked: environment, profile, the role of the machine or container.
        session = boto3.session.Session(
            aws_access_key_id=settings.aws_access_key_id or None,
            aws_secret_access_key=settings.aws_secret_access_key.get_secret_value() or None,
            region_name=region,
        )
        config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},  # the ledger knows when to try again
            user_agent=f"Boto3/{boto3.__version__} Pulse",  # boto3 puts its own together anew at every call
        )
        self._client: Any = session.client(service, endpoint_url=base_url or None, config=config)
        self._client.meta.events.register("before-send", _catch)
        self._parser = create_parser(self._client.meta.service_model.resolved_protocol)
        # Of these boto3 asks others whenever they end, and waits for the answer.
        self._may_wait = isinstance(session.get_credentials(), RefreshableCredentials)
        bundle = session._session.get_config_variable("ca_bundle")
        tls = ssl.create_default_context(cafile=bundle) if bundle else None
        self._threads = Threads(2 * connections)
        self._http = HttpClient(self._client.meta.endpoint_url, connections, tls)

    async def call(self, operation: str, parameters: dict[str, Any], call: Call) -> Any:
        """What the API answers; raises ClientError for its refusal, BotoCoreError for a request that cannot be signed,
        ValueError for one that cannot be made, and what :class:`HttpClient` does."""
        request = await self._signed(operation, parameters, call)
        body = request.body or b""
        answer = await self._http.request(
            call,
            request.method,
            target_of(request.url),
            {name: _text(value) for name, value in request.headers.items() if name.lower() != "content-length"},
            body.encode() if isinstance(body, str) else body,
        )
        return self._read(operation, answer)

    def failed(self, error: BotoCoreError | ClientError, clock: Clock) -> Outcome:
        """What a failed call means for the notification; raises what it says nothing about."""
        if isinstance(error, ClientError):
            return self._refused(error, clock)
        if isinstance(error, _NO_CREDENTIALS):
            log.error("no AWS credentials", provider=self._name)
            code = f"{self._name.upper()}_NO_CREDENTIALS"
            return misconfigured(code, "no AWS credentials", "PULSE_AWS_ACCESS_KEY_ID")
        if isinstance(error, ParamValidationError):
            raise ValueError("not what the API takes") from None
        raise NotSent(f"not signed: {type(error).__name__}") from error

    async def close(self) -> None:
        """Hangs up."""
        self._client.close()
        await self._http.close()

    async def _signed(self, operation: str, parameters: dict[str, Any], call: Call) -> AWSPreparedRequest:
        if not self._may_wait:
            return self._sign(operation, parameters)
        try:
            async with asyncio.timeout(call.left()):
                return await self._threads.run(partial(self._sign, operation, parameters))
        except TimeoutError as error:
            raise NotSent("no credentials came in time") from error

    def _sign(self, operation: str, parameters: dict[str, Any]) -> AWSPreparedRequest:
        try:
            getattr(self._client, operation)(**parameters)
        except _Caught as caught:
            return caught.request
        raise AssertionError("boto3 has sent it by itself")

    def _read(self, operation: str, answer: Answer) -> Any:
        operation = self._client.meta.method_to_api_mapping[operation]
        shape = self._client.meta.service_model.operation_model(operation).output_shape
        raw = {
            "status_code": answer.status,
            "headers": HeadersDict(answer.headers),
            "body": answer.body,
            "context": {"operation_name": operation},
        }
        try:
            parsed = self._parser.parse(raw, shape)
        except Exception as error:  # whatever it does with what is no answer
            raise NoAnswer(f"not what {self._name} says: {type(error).__name__}") from error
        if answer.status >= 300:
            raise ClientError(parsed, operation)
        return parsed

    def _refused(self, error: ClientError, clock: Clock) -> Outcome:
        answer: Any = error.response
        metadata = answer.get("ResponseMetadata", {})
        status = metadata.get("HTTPStatusCode", 0)
        code, text = answer["Error"].get("Code", ""), answer["Error"].get("Message", "")
        retry_after = retry_after_seconds(metadata.get("HTTPHeaders", {}).get("retry-after"), clock.now())
        if aws_errors.is_configuration(status, code, text):
            log.error("AWS refuses Pulse's configuration", provider=self._name, status=status, code=code)
        return aws_errors.classify(self._name, status, code, text, retry_after)


class _Caught(Exception):
    """A request that is ready to be sent."""

    def __init__(self, request: AWSPreparedRequest) -> None:
        super().__init__()
        self.request = request


def _catch(request: AWSPreparedRequest, **_: Any) -> None:
    """Where boto3 would send, its way ends."""
    raise _Caught(request)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
