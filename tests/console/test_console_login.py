"""Where credentials are required, nothing is shown without one; and no other site can act for whoever is logged in."""

from __future__ import annotations

import base64
import datetime as dt
import json
from dataclasses import replace

import pytest

from pulse.common.v1 import enums_pb2
from services.console.web.calls import SessionKey
from services.console.web.session import COOKIE, KNOWN_S, Session, Sessions
from shared.clock import FixedClock, SystemClock
from shared.errors import Code, PulseError
from tests.console.book import KEY
from tests.console.posted import fields_of

LOGIN = "/console/login"
NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


@pytest.fixture
async def stranger(visit, book):
    """A visitor to a console that needs a login."""
    book.needs_key = True
    return await visit(AUTH="required", CONSOLE_SECRET="of all replicas")


async def enter(visitor, key=KEY, **fields):
    return await visitor.submit(LOGIN, {"api_key": key, "next": "", **fields}, page=LOGIN)


@pytest.mark.parametrize(
    "path", ["/console", "/console/notifications", "/console/dead-letters", "/console/templates", "/console/providers"]
)
async def test_every_page_asks_for_a_login_first_and_comes_back_after_it(stranger, path):
    page = await stranger.get(path)
    assert page.status_code == 303
    assert page.headers["location"] == f"{LOGIN}?next={path}"


async def test_a_part_of_a_page_sends_the_whole_page_to_the_login(stranger):
    part = await stranger.get("/console/notifications", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (401, LOGIN)


async def test_a_known_key_opens_the_console_and_stays_out_of_scripts_reach(stranger):
    entered = await enter(stranger, next="/console/templates")
    assert entered.headers["location"] == "/console/templates"
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    page = await stranger.get("/console/notifications")
    assert page.status_code == 200
    assert KEY not in page.text


@pytest.mark.parametrize("key", ["wrong", "", "schlüssel", "two\nlines"])
async def test_an_unknown_key_does_not(stranger, key):
    refused = await enter(stranger, key)
    assert refused.status_code == 401
    assert "API_KEY_UNKNOWN" in refused.text
    assert (await stranger.get("/console/notifications")).status_code == 303


async def test_logging_out_ends_the_session(stranger):
    await enter(stranger)
    await stranger.submit("/console/logout", {})
    assert (await stranger.get("/console")).status_code == 303


async def test_a_key_that_was_revoked_leads_back_to_the_login(stranger, book, monkeypatch):
    await enter(stranger)
    monkeypatch.setattr("tests.console.book.KEY", "another")
    page = await stranger.get("/console/notifications")
    assert page.headers["location"].startswith(LOGIN)


@pytest.mark.parametrize("elsewhere", ["https://elsewhere.example", "//elsewhere.example", "/console/..//x", "/docs"])
async def test_a_login_leads_to_no_other_place(stranger, elsewhere):
    assert (await enter(stranger, next=elsewhere)).headers["location"] == "/console"


async def test_in_production_the_cookie_travels_encrypted_only(visit, book):
    visitor = await visit(AUTH="required", ENV="production")
    assert "secure" in (await visitor.get(LOGIN)).headers["set-cookie"].lower()


async def test_a_post_without_the_forms_token_changes_nothing(visitor, book):
    queued = book.add(enums_pb2.QUEUED)
    await visitor.get("/console/providers")
    for token in ("", "guessed"):
        refused = await visitor.post(
            f"/console/notifications/{queued.notification_id}/cancel", data={"form_token": token}
        )
        assert refused.status_code == 400
        assert "BAD_FORM" in refused.text
    assert queued.status == enums_pb2.QUEUED


async def test_a_form_that_is_too_large_is_refused(visitor):
    assert (await visitor.submit("/console/preview", {"context": "x" * 12_000_000})).status_code == 400


async def test_a_copy_of_the_cookie_is_worth_nothing_after_the_logout(stranger, visit):
    await enter(stranger)
    copy = stranger.cookies[COOKIE]
    await stranger.submit("/console/logout", {})
    stranger.cookies.set(COOKIE, copy, path="/console")
    assert (await stranger.get("/console/templates")).status_code == 303


async def test_after_the_logout_a_copy_is_dead_at_every_replica_and_after_a_restart(stranger, visit, book):
    await enter(stranger)
    copy = stranger.cookies[COOKIE]
    other = await visit(AUTH="required", CONSOLE_SECRET="of all replicas")
    other.cookies.set(COOKIE, copy, path="/console")
    assert (await other.get("/console/templates")).status_code == 200
    await stranger.submit("/console/logout", {})
    assert book.sessions == {}
    clock = SystemClock()
    sealed = Sessions("of all replicas", 3600, 3600, clock).read(copy)
    later = replace(sealed, login_key="")  # as it is read a quarter of a minute after the login
    other.cookies.set(COOKIE, Sessions("of all replicas", 3600, 3600, clock).write(later), path="/console")
    assert (await other.get("/console/templates")).headers["location"].startswith(LOGIN)


async def test_a_login_is_for_the_sessions_hours_and_ends_with_its_own_key(visit, book):
    book.needs_key = True
    visitor = await visit(AUTH="required", CONSOLE_SESSION_HOURS="2")
    await enter(visitor)
    assert book.asked("BeginSessionRequest").lifetime.seconds == 7200
    (key_id,) = book.sessions
    await visitor.submit("/console/logout", {})
    assert book.asked("EndSessionRequest").key_id == key_id


async def test_a_logout_that_the_gateway_does_not_hear_of_is_told(stranger, book):
    await enter(stranger)
    await stranger.get("/console/templates")
    token = fields_of((await stranger.get("/console/new-template")).text, token=True)
    book.failure = PulseError(Code.UNAVAILABLE, "LEDGER_AWAY", "try again")
    left = await stranger.post("/console/logout", data={"form_token": token["form_token"][0]})
    (key_id,) = book.sessions
    assert "LEDGER_AWAY" in left.text and f"pulse keys revoke {key_id}" in left.text
    book.failure = None
    assert (await stranger.get("/console")).status_code == 303, "here it is over all the same"


@pytest.mark.parametrize("code", [Code.UNIMPLEMENTED, Code.FAILED_PRECONDITION, Code.INVALID_ARGUMENT])
async def test_where_no_session_can_be_begun_one_is_logged_in_by_the_key_itself(stranger, book, code):
    book.no_sessions = PulseError(code, "SESSION_OF_SESSION", "no")
    await enter(stranger)
    assert (await stranger.get("/console/templates")).status_code == 200
    await stranger.submit("/console/logout", {})
    assert (await stranger.get("/console/templates")).status_code == 303


def test_the_key_of_the_login_goes_out_of_the_cookie_when_every_gateway_knows_the_sessions():
    clock = FixedClock(NOON)
    sessions = Sessions("secret", lifetime_s=3600, idle_s=600, clock=clock)
    cookie = sessions.write(Session(SessionKey("id", "made for it"), KEY))
    assert sessions.read(cookie).api_key == KEY
    clock.advance(KNOWN_S + 1)
    session = sessions.read(cookie)
    assert (session.api_key, session.login_key, sessions.is_aging(session)) == ("made for it", "", True)
    again = sessions.read(sessions.write(session))
    assert (again.api_key, again.began, sessions.is_aging(again)) == ("made for it", session.began, False)


async def test_the_cookie_tells_nobody_the_key(stranger):
    await enter(stranger)
    cookie = stranger.cookies[COOKIE]
    opened = b"".join(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in cookie.split("."))
    assert KEY.encode() not in opened and KEY not in cookie


def test_a_session_goes_on_while_it_is_used_and_ends_when_it_idles_or_is_over():
    clock = FixedClock(NOON)
    sessions = Sessions("secret", lifetime_s=3600, idle_s=600, clock=clock)
    cookie = sessions.write(Session(login_key=KEY))
    clock.advance(599)
    session = sessions.read(cookie)
    assert session is not None and sessions.is_aging(session)
    renewed = sessions.write(session)
    clock.advance(599)
    assert sessions.read(cookie) is None
    session = sessions.read(renewed)
    assert session is not None
    clock.advance(3600 - 2 * 599 - 1)
    last = sessions.write(session)
    assert sessions.read(last) is not None
    clock.advance(2)
    assert sessions.read(last) is None, "an hour after the login it is over, however much it was used"


def test_a_cookie_is_worth_something_unchanged_within_its_time_and_where_it_was_made():
    clock = SystemClock()
    sessions = Sessions("secret", 60, 60, clock)
    cookie = sessions.write(Session(login_key=KEY))
    assert sessions.read(cookie).api_key == KEY
    payload = base64.urlsafe_b64encode(json.dumps({"key": "x", "nonce": "y", "ends": 9e9}).encode()).decode()
    changed = cookie[:20] + ("A" if cookie[20] != "A" else "B") + cookie[21:]
    worthless = [payload, changed, cookie[:-4], cookie[:10], "", "x", "ä.ö", cookie + "0", cookie + "AAAA"]
    assert [sessions.read(other) for other in worthless] == [None] * len(worthless)
    assert Sessions("another", 60, 60, clock).read(cookie) is None
    over = Sessions("secret", -1, 60, clock)
    assert over.read(over.write(Session(login_key=KEY))) is None


async def test_a_session_is_good_at_every_replica(stranger, visit):
    await enter(stranger)
    other = await visit(AUTH="required", CONSOLE_SECRET="of all replicas")
    other.cookies.set(COOKIE, stranger.cookies[COOKIE], path="/console")
    assert (await other.get("/console/templates")).status_code == 200
