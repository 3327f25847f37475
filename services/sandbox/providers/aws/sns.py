"""SNS: the look-alike of Amazon SNS (query protocol, at ``/``).

``Publish`` sends to a phone number; ``Subscribe`` has SES's events posted to an address that confirms it.
"""

from __future__ import annotations

import re
import uuid

from starlette.requests import Request
from starlette.responses import Response

from services.sandbox.faults import Faults
from services.sandbox.http.body import read_form
from services.sandbox.http.faults import answer
from services.sandbox.providers.aws.signature import is_signed
from services.sandbox.providers.aws.sns_signature import SnsSigner
from services.sandbox.providers.aws.sns_topics import SnsTopics
from services.sandbox.receipts.log import ReceiptLog
from services.sandbox.receipts.receipt import Receipt

PROVIDER = "sns"
NAMESPACE = "http://sns.amazonaws.com/doc/2010-03-31/"
E164 = re.compile(r"\+[1-9]\d{6,14}")
TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")
ENDPOINT = re.compile(r"(https?)://[^\s/?#]+\S*")

#: Errors of Publish, with their HTTP status.
ERRORS = {
    "InvalidParameter": 400,
    "ParameterValueInvalid": 400,
    "OptedOut": 400,
    "InvalidAction": 400,
    "MissingAuthenticationToken": 403,
    "AuthorizationError": 403,
    "NotFound": 404,
    "Throttled": 429,
    "InternalError": 500,
    "ServiceUnavailable": 503,
}
_BY_STATUS = {
    400: "InvalidParameter",
    403: "AuthorizationError",
    404: "NotFound",
    429: "Throttled",
    503: "ServiceUnavailable",
}


class Sns:
    """Takes on SMS as any one account would, and subscriptions to topics."""

    def __init__(self, receipts: ReceiptLog, faults: Faults, topics: SnsTopics, signer: SnsSigner) -> None:
        self._receipts = receipts
        self._faults = faults
        self._topics = topics
        self._signer = signer

    async def act(self, request: Request) -> Response:
        """Answers the SMS's or the subscription's id, or AWS's error XML."""
        if not is_signed(request.headers.get("authorization", ""), "sns"):
            return refusal("MissingAuthenticationToken")
        form = await read_form(request)
        if form.get("Action") == "Subscribe":
            return self._subscribe(form, str(request.base_url).rstrip("/"))
        if form.get("Action") != "Publish":
            return refusal("InvalidAction")
        if E164.fullmatch(form.get("PhoneNumber", "")) is None or not form.get("Message"):
            return refusal("InvalidParameter")

        async def accept() -> Response:
            return await self._accept(form)

        return await answer(request, self._faults.take(PROVIDER, [form["PhoneNumber"]]), accept, refusal)

    async def confirm(self, request: Request) -> Response:
        """``GET /?Action=ConfirmSubscription``, as the address that got the token asks for it; nobody signs it."""
        query = request.query_params
        if query.get("Action") != "ConfirmSubscription":
            return refusal("InvalidAction")
        subscription = self._topics.confirm(query.get("TopicArn", ""), query.get("Token", ""))
        return refusal("NotFound") if subscription is None else _subscribed("ConfirmSubscription", subscription.arn)

    async def certificate(self, request: Request) -> Response:
        """The certificate that messages are signed with, at the address that they name."""
        if request.url.path != self._signer.certificate_path:
            return refusal("NotFound")
        return Response(self._signer.certificate, media_type="application/x-pem-file")

    def _subscribe(self, form: dict[str, str], base_url: str) -> Response:
        endpoint = ENDPOINT.fullmatch(form.get("Endpoint", ""))
        if TOPIC.fullmatch(form.get("TopicArn", "")) is None or endpoint is None or endpoint[1] != form.get("Protocol"):
            return refusal("InvalidParameter")
        self._topics.subscribe(form["TopicArn"], form["Endpoint"], base_url)
        return _subscribed("Subscribe", "pending confirmation")

    async def _accept(self, form: dict[str, str]) -> Response:
        message_id = str(uuid.uuid4())
        said = attributes(form)
        receipt = Receipt(
            "sms",
            PROVIDER,
            form["PhoneNumber"],
            "",
            form["Message"],
            said.get("pulse_notification_id", ""),
            message_id,
            request={"MessageAttributes": said},
        )
        try:
            await self._receipts.keep(receipt)
        except OSError:
            return refusal("InternalError")
        return _xml(
            200,
            f'<PublishResponse xmlns="{NAMESPACE}"><PublishResult><MessageId>{message_id}</MessageId></PublishResult>'
            f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></PublishResponse>",
        )


def attributes(form: dict[str, str]) -> dict[str, str]:
    """``MessageAttributes.entry.N.Name`` and ``.Value.StringValue``, put together."""
    entry = "MessageAttributes.entry."
    return {
        name: form.get(f"{key.removesuffix('.Name')}.Value.StringValue", "")
        for key, name in form.items()
        if key.startswith(entry) and key.endswith(".Name")
    }


def refusal(name_or_status: int | str, retry_after_s: int | None = None) -> Response:
    """AWS's error XML for one of its codes or for an HTTP status."""
    if isinstance(name_or_status, str):
        name, status = name_or_status, ERRORS[name_or_status]
    else:
        name, status = _BY_STATUS.get(name_or_status, "InternalError"), name_or_status
    fault = "Sender" if status < 500 else "Receiver"
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return _xml(
        status,
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>{fault}</Type><Code>{name}</Code>'
        f"<Message>Refused by the sandbox</Message></Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>",
        headers,
    )


def _subscribed(action: str, arn: str) -> Response:
    return _xml(
        200,
        f'<{action}Response xmlns="{NAMESPACE}"><{action}Result><SubscriptionArn>{arn}</SubscriptionArn>'
        f"</{action}Result><ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
        f"</{action}Response>",
    )


def _xml(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(text, status, headers, media_type="text/xml")
