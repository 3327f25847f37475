"""SES: the look-alike of Amazon SES v2, ``POST /v2/email/outbound-emails`` (SendEmail) with raw content."""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.sandbox.faults import Faults
from services.sandbox.http.body import read_body
from services.sandbox.http.faults import answer
from services.sandbox.providers.aws.ses_events import Email
from services.sandbox.providers.aws.signature import is_signed
from services.sandbox.providers.aws.sns_topics import SnsTopics
from services.sandbox.providers.mail.letter import Envelope, parse
from services.sandbox.receipts.log import ReceiptLog

PROVIDER = "ses"
#: An email has 40 MB at the most, which in base64 are a third more.
MOST_BYTES = 54 * 1024 * 1024

#: Errors of SendEmail, with their HTTP status.
ERRORS = {
    "BadRequestException": 400,
    "MessageRejected": 400,
    "LimitExceededException": 400,
    "AccountSuspendedException": 400,
    "SendingPausedException": 400,
    "MailFromDomainNotVerifiedException": 400,
    "MissingAuthenticationTokenException": 403,
    "AccessDeniedException": 403,
    "NotFoundException": 404,
    "TooManyRequestsException": 429,
    "InternalServiceErrorException": 500,
    "ServiceUnavailableException": 503,
}
_BY_STATUS = {
    400: "BadRequestException",
    403: "AccessDeniedException",
    404: "NotFoundException",
    429: "TooManyRequestsException",
    503: "ServiceUnavailableException",
}


#: One mailbox; a name outside ASCII comes as encoded words (RFC 2047).
#: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
SENDER = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^"<>@,]*) *<{0}>|{0}'.replace("{0}", r'[^\s<>@,"]+@[^\s<>@,"]+'))


class Publishing(NamedTuple):
    """What the events of an email hold besides. The order is that of :class:`Email`."""

    sender: str
    configuration_set: str
    tags: dict[str, str]


class Ses:
    """Takes on emails as any one account would."""

    def __init__(self, receipts: ReceiptLog, faults: Faults, topics: SnsTopics) -> None:
        self._receipts = receipts
        self._faults = faults
        self._topics = topics

    async def send_email(self, request: Request) -> Response:
        """Answers the email's id, or AWS's error JSON."""
        if not is_signed(request.headers.get("authorization", ""), "ses"):
            return refusal("MissingAuthenticationTokenException")
        try:
            body = json.loads(await read_body(request, MOST_BYTES))
            envelope = _read(body)
            publishing = _publishing(body)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return refusal("BadRequestException")

        async def accept() -> Response:
            return await self._accept(envelope, publishing)

        return await answer(request, self._faults.take(PROVIDER, envelope.recipients), accept, refusal)

    async def _accept(self, envelope: Envelope, publishing: Publishing | None) -> Response:
        message_id = f"{secrets.token_hex(8)}-{secrets.token_hex(16)}-000000"
        receipts = parse(envelope.content).receipts(PROVIDER, envelope, message_id)
        try:
            await self._receipts.keep(*receipts)
        except OSError:
            return refusal("InternalServiceErrorException")
        if publishing is not None:
            for each in envelope.recipients:
                self._topics.publish(Email(message_id, each, *publishing).events())
        return JSONResponse({"MessageId": message_id})


def refusal(name_or_status: int | str, retry_after_s: int | None = None) -> Response:
    """AWS's error JSON for one of its names or for an HTTP status."""
    if isinstance(name_or_status, str):
        name, status = name_or_status, ERRORS[name_or_status]
    else:
        name, status = _BY_STATUS.get(name_or_status, "InternalServiceErrorException"), name_or_status
    headers = {"x-amzn-ErrorType": name, "x-amzn-RequestId": secrets.token_hex(16)}
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    return JSONResponse({"message": "Refused by the sandbox"}, status_code=status, headers=headers)


def _publishing(body: Any) -> Publishing | None:
    """None without a configuration set: SES publishes events by that of one; here any one publishes to all topics.

    Raises as :func:`_read` does.
    """
    if not body.get("ConfigurationSetName"):
        return None
    tags = {str(tag["Name"]): str(tag["Value"]) for tag in body.get("EmailTags") or ()}
    return Publishing(str(body["FromEmailAddress"]), str(body["ConfigurationSetName"]), tags)


def _read(body: Any) -> Envelope:
    """Sender, recipients and content; raises ValueError, KeyError, TypeError or AttributeError for a request that is
    none."""
    groups = ("ToAddresses", "CcAddresses", "BccAddresses")
    to = [each for group in groups for each in body["Destination"].get(group) or ()]
    if not to or not all(isinstance(each, str) and "@" in each for each in to):
        raise ValueError("no recipient")
    try:
        content = base64.b64decode(body["Content"]["Raw"]["Data"], validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    sender = body["FromEmailAddress"]
    if not content or not sender.isascii() or not SENDER.fullmatch(sender):
        raise ValueError("no sender or no content")
    return Envelope(sender, to, content)
