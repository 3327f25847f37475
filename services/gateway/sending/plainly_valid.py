"""A quick look that spares most requests the full check of the contract's rules.

protovalidate hands the interpreter's lock to other threads and waits to get it back, which under load costs
several times its own work. So only requests that are not obviously in order go through it, and it alone says
what is wrong with them. The quick look says yes only where protovalidate would find nothing; a test compares them.
"""

from __future__ import annotations

import re

from pulse.gateway.v1 import notification_service_pb2 as api
from shared.rpc.set_fields import SetFields

_USER_ID = re.compile(r"[^\x00-\x1f\x7f]{1,256}")
_TEMPLATE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_KEY = re.compile(r"[\x21-\x7e]{0,255}")
_SUBJECT = re.compile(r"[\x20-\x7e]{0,998}")
_LOCALE = re.compile(r"([a-z]{2}(-[A-Z]{2})?)?")
#: Fields that are looked at here, or that no rule is about. One that is new goes through the full check.
_LOOKED_AT = {
    *("user_id", "template_name", "to", "idempotency_key", "subject", "locale", "channel", "priority"),
    *("delivery_guarantee", "context", "send_at", "expires_at", "validate_only"),
}
_REQUEST = api.SendNotificationRequest.DESCRIPTOR
_OTHERS = SetFields(_REQUEST, {*_REQUEST.fields_by_name} - _LOOKED_AT)
#: A character takes at most 4 bytes in UTF-8, and an address may take 4,096.
_LONGEST_ADDRESS = 1024


def plainly_valid(request: api.SendNotificationRequest) -> bool:
    """True only if the request breaks no rule of the contract; False says nothing."""
    return bool(
        _USER_ID.fullmatch(request.user_id)
        and request.user_id not in (".", "..")
        and _TEMPLATE_NAME.fullmatch(request.template_name)
        and len(request.to) <= _LONGEST_ADDRESS
        and _KEY.fullmatch(request.idempotency_key)
        and _SUBJECT.fullmatch(request.subject)
        and _LOCALE.fullmatch(request.locale)
        and 0 <= request.channel <= 3
        and 0 <= request.priority <= 2
        and 0 <= request.delivery_guarantee <= 2
        and not _OTHERS.of(request)
    )
