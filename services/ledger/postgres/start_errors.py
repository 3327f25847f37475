"""Why PostgreSQL cannot be used at start, in a sentence for whoever runs Pulse; with no password in it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import psycopg
import sqlalchemy as sa

from services.ledger.postgres.sessions import WrongSession
from shared.config import StartError

# libpq tells most of what is wrong in words alone, and the server in the language that it is set to; so what is not
# among these is told as it was said.
_ADVICE = (
    ("is not known$|cannot be read$|invalid sslmode", "what stands behind its ? must be libpq's"),
    ("password authentication failed|no password supplied", "its user's name and password must be right"),
    ("database .* does not exist", "create that database or name another"),
    ("role .* does not exist", "create that user or name another"),
    ("no pg_hba.conf entry", "the server's pg_hba.conf must admit this user from here"),
    ("set role", "its user must be a member of pulse_app and pulse_platform"),
    ("too many (clients|connections)|remaining connection slots", "raise max_connections or close other clients"),
    ("certificate", "sslmode and sslrootcert say which certificates are believed"),
    ("SSL", "sslmode says whether the server is asked for TLS"),
    ("resolve host|translate host name", "its host must be a name that is known here"),
)
_OTHERWISE = "its host and port must be right, and the server run and be reachable from here"


def sentence(error: psycopg.Error) -> str:
    """What is wrong and what to change."""
    told = _told(error)
    advice = next((words for pattern, words in _ADVICE if re.search(pattern, told, re.IGNORECASE)), _OTHERWISE)
    return f"PostgreSQL cannot be used: {told}; check PULSE_DATABASE_URL: {advice}"


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """That no session can be begun inside the block becomes a :class:`StartError`; what a statement meets does not."""
    try:
        yield
    except WrongSession as error:
        raise StartError(error.message) from None
    except (psycopg.Error, sa.exc.DBAPIError) as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        # Without a code it was libpq, or a server that let nobody in.
        if not isinstance(cause, (psycopg.OperationalError, psycopg.ProgrammingError)) or cause.sqlstate:
            raise
        raise StartError(sentence(cause)) from None


def _told(error: psycopg.Error) -> str:
    """The driver's words on one line. What it says of an address it cannot read may repeat a part of it: left out."""
    if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
        named = re.search(r'invalid (?:URI query parameter|connection option|URI parameter): "(\w{1,40})"', str(error))
        return f"{named[1]} is not known" if named else "its address cannot be read"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return re.sub(r"\s+", " ", lines[0] if lines else type(error).__name__)
