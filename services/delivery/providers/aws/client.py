"""One AWS API through boto3: calls that end by a deadline, over kept connections, and are made once."""

from __future__ import annotations

import io
from typing import Any

import boto3
import requests
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from requests.structures import CaseInsensitiveDict

from services.delivery.providers.aws import aws_errors
from services.delivery.providers.aws.settings import AwsSettings
from services.delivery.providers.base.call import Call
from services.delivery.providers.base.deadline_adapter import DeadlineAdapter
from services.delivery.providers.base.http_errors import never_sent, retry_after_seconds
from services.delivery.providers.base.outgoing_proxies import proxies_for
from services.delivery.rules.provider import Outcome, misconfigured, transient, unanswered
from shared.clock import Clock
from shared.observe.logs import logger

#: What a call may raise.
ERRORS = (BotoCoreError, ClientError, requests.RequestException)
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError)

log = logger(__name__)


class AwsClient:
    """Safe for several threads. ``name`` is the provider's, for codes and texts.

    boto3 makes requests and reads answers; they travel over our own connections, as those of the others do.
    """

    def __init__(
        self, name: str, service: str, region: str, base_url: str, connections: int, settings: AwsSettings
    ) -> None:
        self._name = name
        self._adapter = DeadlineAdapter(connections)
        # Without keys AWS's own chain is asked: environment, profile, the role of the machine or container.
        session = boto3.session.Session(
            aws_access_key_id=settings.aws_access_key_id or None,
            aws_secret_access_key=settings.aws_secret_access_key.get_secret_value() or None,
            region_name=region,
        )
        config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},  # the ledger knows when to try again
        )
        self._client: Any = session.client(service, endpoint_url=base_url or None, config=config)
        self._client.meta.events.register("before-send", self._send)
        self._proxies = proxies_for(self._client.meta.endpoint_url)
        self._verify = session._session.get_config_variable("ca_bundle") or True

    def call(self, operation: str, parameters: dict[str, Any]) -> Any:
        """One call; raises one of :data:`ERRORS`."""
        return getattr(self._client, operation)(**parameters)

    def failed(self, error: Exception, call: Call, clock: Clock) -> Outcome:
        """What a failed call means for the notification."""
        if isinstance(error, ClientError):
            return self._refused(error, clock)
        code = self._name.upper()
        if isinstance(error, _NO_CREDENTIALS):
            log.error("no AWS credentials", provider=self._name)
            return misconfigured(f"{code}_NO_CREDENTIALS", "no AWS credentials", "PULSE_AWS_ACCESS_KEY_ID")
        if isinstance(error, ParamValidationError):
            raise ValueError("not what the API takes") from None
        if never_sent(error, call):
            return transient(f"{code}_UNREACHABLE", f"{self._name} cannot be reached")
        return unanswered(f"{code}_NO_ANSWER", f"{self._name} gave no answer that can be read")

    def close(self) -> None:
        self._client.close()
        self._adapter.close()

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Sends what boto3 has signed; the adapter adds the trace: AWS checks the headers that the signature names."""
        prepared = requests.PreparedRequest()  # as it is: a session would change what is signed
        prepared.method, prepared.url, prepared.body = request.method, request.url, request.body
        prepared.headers = CaseInsensitiveDict(request.headers.items())
        answer = self._adapter.send(prepared, verify=self._verify, proxies=self._proxies)
        return AWSResponse(request.url, answer.status_code, answer.headers, _Whole(answer.content))

    def _refused(self, error: ClientError, clock: Clock) -> Outcome:
        answer: Any = error.response
        metadata = answer.get("ResponseMetadata", {})
        status = metadata.get("HTTPStatusCode", 0)
        code, text = answer["Error"].get("Code", ""), answer["Error"].get("Message", "")
        retry_after = retry_after_seconds(metadata.get("HTTPHeaders", {}).get("retry-after"), clock.now())
        if aws_errors.is_configuration(status, code, text):
            log.error("AWS refuses Pulse's configuration", provider=self._name, status=status, code=code)
        return aws_errors.classify(self._name, status, code, text, retry_after)


class _Whole(io.BytesIO):
    """An answer that has been read, as boto3 wants to read it."""

    def stream(self) -> list[bytes]:
        return [self.getvalue()]
