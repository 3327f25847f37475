"""What PostgreSQL's errors mean: whether the same is worth trying again, on which connection, and what callers hear."""

from __future__ import annotations

from psycopg import errors
from psycopg_pool import PoolTimeout

from shared.errors import Code, PulseError
from shared.observe.logs import logger

log = logger(__name__)

#: A value is to blame, not the database.
_REFUSALS = (errors.DataError, errors.IntegrityError, errors.ProgramLimitExceeded)
#: Two transactions got in each other's way; the same again may well succeed.
_CLASHES = (errors.DeadlockDetected, errors.SerializationFailure)
#: It took longer than it may, or was waiting for a lock; the same again would only take longer.
_TIME_OUTS = (PoolTimeout, errors.QueryCanceled, errors.LockNotAvailable)
#: The server or the session is not as it should be: it stops, has lost a disk, only reads, or holds a transaction that
#: was given up. psycopg counts a part of them among its own "internal" errors.
_FAILURES = (errors.OperationalError, errors.InterfaceError, errors.InternalError)
#: A session lost a prepared statement, or has one that no longer fits the tables: a new session has not.
_STALE = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement, errors.FeatureNotSupported)


class UnstorableValue(PulseError):
    """INVALID_ARGUMENT: the database cannot use a value. Its own words are left out, as they repeat the value."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(Code.INVALID_ARGUMENT, "VALUE_REFUSED", "the database refuses a value of the request")
        #: PostgreSQL's error code (https://www.postgresql.org/docs/current/errcodes-appendix.html).
        self.sqlstate = sqlstate


def is_worth_another_try(error: errors.Error) -> bool:
    """Whether the same, done again at once, may succeed."""
    return isinstance(error, (*_FAILURES, *_STALE)) and not isinstance(error, (*_REFUSALS, *_TIME_OUTS))


def spoils_the_connection(error: errors.Error) -> bool:
    """Whether what comes next on the same connection would most likely fail as well."""
    return is_worth_another_try(error) and not isinstance(error, _CLASHES)


def is_of_the_server(error: errors.Error) -> bool:
    """Whether it is the server that takes no writes, so that all connections to it are of no more use."""
    return isinstance(error, errors.ReadOnlySqlTransaction)


def translated(error: errors.Error) -> Exception:
    """What callers get to know, without the error's own text; a fault of a statement's stays what it is."""
    if isinstance(error, _REFUSALS):
        return UnstorableValue(error.sqlstate or "")
    if not isinstance(error, _FAILURES):
        return error
    log.error("PostgreSQL cannot be used", error=type(error).__name__, sqlstate=error.sqlstate or "")
    return _unavailable("takes no writes just now") if is_of_the_server(error) else unreachable()


def unreachable() -> PulseError:
    """UNAVAILABLE: the server, or a connection to it, was not to be had."""
    return _unavailable("cannot be reached")


def too_long() -> PulseError:
    """RESOURCE_EXHAUSTED: PostgreSQL was not to look at that many rows."""
    return PulseError(
        Code.RESOURCE_EXHAUSTED,
        "SEARCH_TOO_LONG",
        "to look at so many notifications takes longer than one call may",
        hint="name a shorter time, or a user, a template or a failure code",
    )


def _unavailable(what: str) -> PulseError:
    return PulseError(Code.UNAVAILABLE, "LEDGER_UNAVAILABLE", f"the ledger's database {what}", retry_after=1.0)
