"""Who an SMS by SNS comes from. Pure: https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NUMBER = re.compile(r"\+?[0-9]{5,15}")
_ID = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9-]{0,9}[A-Za-z0-9])?")


def sender_attributes(sender: str) -> Mapping[str, str] | None:
    """The sender as an attribute of Publish; None: SNS has no such senders, a messaging service say."""
    if _NUMBER.fullmatch(sender):
        return {"AWS.MM.SMS.OriginationNumber": sender}
    return {"AWS.SNS.SMS.SenderID": sender} if _ID.fullmatch(sender) else None
