"""Who gives a query parameter that there is not, is told those that there are: all of them, and no other."""

from __future__ import annotations

import httpx
from google.protobuf.descriptor import FieldDescriptor

from tests.local.edge_methods import methods, refusal

#: A parameter that is unknown, and what the hint says is known in its place.
KNOWN_HERE = {
    "GET /v1/operations/providers?page_size=1": "",
    "GET /v1/operations/queues?a=1": "",
    "GET /v1/notifications/abc?foo=1": "",
    "GET /v1/notifications/abc:watch?after=1": "after_sequence",
    "GET /v1/recipients/u/suppressions?limit=1": "page_size, page_token",
    "GET /api/notifications/list?page_size=1": "channel, limit, status, user_id",
    "GET /v1/operations/deadLetters?colour=red": "filter, page_size, page_token",
    "GET /v1/operations/deadLetters?filter.chan=1": "channel, died_after, died_before, failure_code, provider",
    "GET /v1/notifications?created_after.second=1": "nanos, seconds",
    "GET /v1/notifications?createdAfter.second=1&colour=red": "nanos, seconds",
    "DELETE /v1/recipients/u/devices/d?token=1": "",
    "DELETE /v1/operations/limits/l?tenant=1": "tenant_id",
    "POST /v1/notifications/abc:cancel?foo=1": "",
    "POST /v1/operations/limits?tenant=1": "",
    "POST /v1/operations/limits?limit.foo=1": "",
    "PUT /v1/recipients/u/preferences?zone=1": "",
    "PUT /v1/recipients/u/preferences?preferences.zone=1": "",
    "POST /v1/templates/welcome:preview?colour=red": "channel, fill_missing, locale, version",
    "POST /v1/notifications?send_at.second=1": "",
    "POST /v1/notifications?colour=red": (
        "channel, delivery_guarantee, expires_at, idempotency_key, locale, priority, send_at, sender, subject,"
        " template_name, to, ttl, user_id, validate_only"
    ),
}


def hint(answer: httpx.Response) -> str | None:
    """What an unknown name's refusal says is known; None if it does not say."""
    assert answer.status_code == 400, answer.text
    told = answer.json()["details"][0].get("metadata", {}).get("hint")
    return None if told is None else told.removeprefix("known here: ")


async def test_the_hint_names_what_is_known_where_the_unknown_parameter_stands(rest):
    for asked, names in KNOWN_HERE.items():
        answer = await rest.request(*asked.split(" "))
        assert refusal(answer)[:2] == (400, "UNKNOWN_PARAMETER")
        assert hint(answer) == (names or None), asked


#: What a parameter may say, by its field's type; all others take a number.
VALUES = {FieldDescriptor.TYPE_STRING: "x", FieldDescriptor.TYPE_BOOL: "true"}
TEXTS = {"google.protobuf.Timestamp": "2030-01-01T00:00:00Z", "google.protobuf.Duration": "5s"}


async def test_every_parameter_that_a_hint_names_is_taken(backend, rest):
    backend.release.set()  # watches end at once
    tried = 0
    for method, path, _, request in methods():
        waiting = [("", request)]
        while waiting:
            above, message = waiting.pop()
            names = hint(await rest.request(method, f"{path}?{above}colour=red"))
            for name in names.split(", ") if names else ():
                field = message.fields_by_name[name]
                inner = field.message_type and field.message_type.full_name
                if inner in TEXTS or inner is None:
                    value = TEXTS[inner] if inner else VALUES.get(field.type, "1")
                    answer = await rest.request(method, f"{path}?{above}{name}={value}")
                    assert answer.status_code in (200, 202, 501), (method, path, above, name, answer.text)
                    tried += 1
                else:
                    waiting.append((f"{above}{name}.", field.message_type))
    assert tried > 40
