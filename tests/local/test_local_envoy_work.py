"""The edge's work grows no faster than what it is sent: no request of a size that is taken holds up all others."""

from __future__ import annotations

import asyncio

#: As many as fit into the headers that the edge takes.
SLASHES = "/" * 15_500
#: Callers at once: if work grew with the square of the slashes, they would wait longer than their deadline.
CALLERS = 60

PATHS = {
    f"/v1{SLASHES}a": 404,
    f"/v1/notifications{SLASHES}:watch": 404,
    f"/v1{'/a' * 7_000}{SLASHES[:1_000]}": 404,
    f"/v1/notifications{SLASHES}": 200,
    f"/v1/notifications{SLASHES}?user_id=u": 200,
    f"/v1/notifications?user_id={SLASHES}a": 200,
    f"/api/notifications/list{SLASHES}a": 404,
    f"/unsubscribe{SLASHES}a": 404,
    f"/callbacks/twilio{SLASHES}a": 404,
}


async def test_slashes_are_looked_at_once(backend, rest):
    for path, status in PATHS.items():
        request = rest.build_request("GET", path)
        answers = await asyncio.gather(*(rest.send(request) for _ in range(CALLERS)))
        assert {answer.status_code for answer in answers} == {status}, path.replace(SLASHES, "/…/")


#: As large a body as is taken.
LARGE = 4 * 2**20
#: What stands for one character of a JSON string, or for some, and what looks as if it ended one.
ESCAPES = [r"\n", r"\"", r"\\", r"\/", r"\u0022", r"\ud83d\ude00", r"\u005c\"", r"a\"b", r"\n" + "x" * 20]


async def test_escapes_in_a_text_are_looked_at_once(backend, rest):
    for escape in ESCAPES:
        begin, end = '{"nope": "', '"}'
        body = begin + escape * ((LARGE - len(begin + end)) // len(escape)) + end
        answer, other = await asyncio.gather(
            rest.post("/v1/notifications", content=body), rest.get("/v1/notifications")
        )
        assert (answer.status_code, other.status_code) == (400, 200), escape
        assert answer.json()["details"][0]["reason"] == "UNKNOWN_FIELD", escape
        answer = await rest.post("/v1/notifications", content=body.removesuffix(end))
        assert answer.json()["message"] == f'expected the end of a string, " at byte {len(body) - 1} of the body', (
            escape
        )
