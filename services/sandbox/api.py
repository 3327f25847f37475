"""Sandbox API: what was received, and what shall go wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.sandbox.faults import Answers, BadFault, Faults, parse_faults
from services.sandbox.http.body import read_body
from services.sandbox.receipts.inbox import Inbox, Query
from services.sandbox.receipts.log import ReceiptLog
from shared.channel.table import NAMES

DEFAULT_LIMIT = 1000
LARGEST_LIMIT = 10_000

LISTING = frozenset({"channel", "to", "to_contains", "notification_id", "after", "limit", "order"})

#: The HTML of an email may style itself and nothing else: no script, no form, no request to anywhere.
HTML_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"


class BadQuery(ValueError):
    """A query parameter that cannot be used; the text names it."""


class SandboxApi:
    """The routes under ``/api`` and ``/healthz``. ``providers`` are those that faults can be set for."""

    def __init__(self, receipts: ReceiptLog, inbox: Inbox, faults: Faults, providers: Mapping[str, Answers]) -> None:
        self._receipts = receipts
        self._inbox = inbox
        self._faults = faults
        self._providers = providers

    def routes(self) -> list[Route]:
        """Every path this API answers."""
        return [
            Route("/healthz", self.health, methods=["GET"]),
            Route("/api/receipts", self.list_receipts, methods=["GET"]),
            Route("/api/receipts", self.delete_receipts, methods=["DELETE"]),
            Route("/api/receipts:count", self.count_receipts, methods=["GET"]),
            Route("/api/receipts/{receipt_id:int}/html", self.receipt_html, methods=["GET"]),
            Route("/api/files/{sha256}", self.file, methods=["GET"]),
            Route("/api/faults", self.list_faults, methods=["GET"]),
            Route("/api/faults", self.replace_faults, methods=["PUT"]),
        ]

    async def health(self, _request: Request) -> Response:
        """200 while the process serves."""
        return JSONResponse({"status": "ok"})

    async def list_receipts(self, request: Request) -> Response:
        """``{"receipts": [...], "next": id or null}``, oldest first unless ``order=newest``; 400 for a bad parameter.

        A ``limit`` above 10,000 counts as 10,000. ``next`` is what ``after`` has to be for the next page.
        """
        try:
            query, limit = _listing(request.query_params)
        except BadQuery as error:
            return invalid_argument(str(error))
        entries, more = self._inbox.select(query, limit)
        following = b'"%d"' % entries[-1].id if more else b"null"
        # The log's lines are the answer's JSON already; they are passed on, never parsed.
        body = b'{"receipts":[' + b",".join(self._receipts.read(entries)) + b'],"next":' + following + b"}"
        return Response(body, media_type="application/json")

    async def count_receipts(self, request: Request) -> Response:
        """``{"count": n}``: all since the last DELETE, also those that are no longer listed."""
        try:
            _only(request.query_params, frozenset({"channel"}))
            channel = _channel(request.query_params)
        except BadQuery as error:
            return invalid_argument(str(error))
        return JSONResponse({"count": self._inbox.count(channel)})

    async def delete_receipts(self, _request: Request) -> Response:
        """Empties the inbox and the log."""
        await self._receipts.clear()
        return Response(status_code=204)

    async def receipt_html(self, request: Request) -> Response:
        """The HTML of one email, under a policy that lets it do nothing but be looked at."""
        entry = self._inbox.find(request.path_params["receipt_id"])
        html = json.loads(self._receipts.read([entry])[0])["html_body"] if entry else ""
        if not html:
            return error_answer(404, "NOT_FOUND", "there is no such receipt, or it has no HTML")
        headers = {"Content-Security-Policy": HTML_POLICY, "X-Content-Type-Options": "nosniff"}
        return Response(html.encode("utf-8"), media_type="text/html", headers=headers)

    async def file(self, request: Request) -> Response:
        """The bytes of a file that came with an email lately, to be saved and not shown."""
        content = self._receipts.files.get(request.path_params["sha256"])
        if content is None:
            return error_answer(404, "NOT_FOUND", "there is no such file, or it is not kept any more")
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return Response(content, media_type="application/octet-stream", headers=headers)

    async def list_faults(self, _request: Request) -> Response:
        """The faults in force, as a list."""
        return JSONResponse(self._faults.listing())

    async def replace_faults(self, request: Request) -> Response:
        """Puts a list of faults in force in place of the last, and answers it; 400 says what is wrong with which."""
        try:
            rules = parse_faults(json.loads(await read_body(request)), self._providers)
        except BadFault as error:
            return invalid_argument(str(error))
        except (ValueError, RecursionError):
            return invalid_argument("the body must be JSON")
        self._faults.replace(rules)
        return JSONResponse(self._faults.listing())


def invalid_argument(text: str) -> Response:
    """400 in Google's error shape."""
    return error_answer(400, "INVALID_ARGUMENT", text)


def error_answer(code: int, status: str, text: str) -> Response:
    """An error of the sandbox's own API."""
    return JSONResponse({"error": {"code": code, "status": status, "message": text}}, status_code=code)


def _listing(given: Mapping[str, str]) -> tuple[Query, int]:
    _only(given, LISTING)
    order = given.get("order", "oldest")
    if order not in ("oldest", "newest"):
        raise BadQuery("order must be oldest or newest")
    after = given.get("after", "")
    query = Query(
        channel=_channel(given),
        to=given.get("to", ""),
        to_contains=given.get("to_contains", ""),
        notification_id=given.get("notification_id", ""),
        after=_whole_number("after", after, "the id of a receipt") if after else None,
        newest_first=order == "newest",
    )
    limit = _whole_number("limit", given.get("limit") or str(DEFAULT_LIMIT), "a whole number from 1")
    if limit < 1:
        raise BadQuery("limit must be a whole number from 1")
    return query, min(limit, LARGEST_LIMIT)


def _only(given: Mapping[str, str], known: frozenset[str]) -> None:
    for name in given:
        if name not in known:
            raise BadQuery(f"{name!r} is not a parameter; parameters are {', '.join(sorted(known))}")


def _channel(given: Mapping[str, str]) -> str:
    channel = given.get("channel", "").lower()
    if channel and channel not in NAMES:
        raise BadQuery(f"channel must be one of {', '.join(NAMES)}")
    return channel


def _whole_number(name: str, text: str, wanted: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise BadQuery(f"{name} must be {wanted}")
    return int(text)
