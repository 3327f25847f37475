"""How every session with PostgreSQL begins, and whether it did begin so.

What the settings of a server, a database or a login are does not matter to Pulse: those that change what a statement
means are set in the message that opens a connection, where they count for more. The one that is left alone is
``default_transaction_read_only``: whoever turns it on, to spare a disk that is nearly full say, means it.

A proxy may drop what it was told to pass on. Statements would still run, but as another role, to which PostgreSQL shows
the rows of all tenants. So every new session is asked who it is, and is not used if it is another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from psycopg import AsyncConnection, Connection
from psycopg.conninfo import conninfo_to_dict

from shared.errors import Code, PulseError

#: PostgreSQL's names, and values as it tells them itself.
SETTINGS = {
    "search_path": "public",
    "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "standard_conforming_strings": "on",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "row_security": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "exit_on_error": "off",
    "idle_session_timeout": "0",
    "jit": "off",
}

# Not every server knows the first, and the second may well be stricter than "on": so they are set afterwards.
_AMENDED = """
SELECT set_config(name, CASE name WHEN 'transaction_timeout' THEN '0' ELSE 'on' END, false) FROM pg_settings
WHERE name = 'transaction_timeout' OR (name = 'synchronous_commit' AND setting = 'off')
"""

# The role at work; whether it passes by row-level security, owns anything (which it could alter), and sees what the
# other role sees; and what was set.
_BEGUN = """
SELECT r.rolname::text, r.rolsuper OR r.rolbypassrls, EXISTS (
    SELECT FROM pg_shdepend
    WHERE refclassid = 'pg_authid'::regclass AND refobjid = r.oid AND deptype = 'o'
    AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
), r.rolname = 'pulse_app' AND pg_has_role('pulse_platform', 'USAGE'),
(SELECT json_object_agg(lower(name), setting) FROM pg_settings)
FROM pg_roles r WHERE r.rolname = current_user
"""

#: A session as :data:`_BEGUN` tells it.
_Begun = tuple[str, bool, bool, bool, dict[str, str]]


class WrongSession(PulseError):
    """A session is not what it was asked to be, so it is not used. The message is for whoever runs Pulse."""

    def __init__(self, sentence: str) -> None:
        super().__init__(Code.FAILED_PRECONDITION, "WRONG_DATABASE_SESSION", sentence)


@dataclass(frozen=True)
class Start:
    """How a session begins."""

    #: What it is called in PostgreSQL's ``pg_stat_activity``.
    name: str
    #: Whom it works as; empty: as whoever the URL names.
    role: str = ""
    #: Set beside :data:`SETTINGS`.
    more: dict[str, str] = field(default_factory=dict)

    def arguments(self, url: str) -> dict[str, Any]:
        """What a connection to ``url`` is opened with, as libpq names it."""
        settings = SETTINGS | self.more | ({"role": self.role} if self.role else {})
        return _target(url) | {
            "application_name": f"pulse-{self.name}",
            "options": " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items()),
            # A half-open connection is noticed in seconds, not hours.
            "connect_timeout": 3,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
        }

    async def check(self, connection: AsyncConnection[Any]) -> None:
        """Returns if a new session began like this; raises :class:`WrongSession`."""
        row = await (await connection.execute(_BEGUN, prepare=False)).fetchone()
        self._judge(row)  # type: ignore[arg-type]  # a session has a role
        await connection.execute(_AMENDED, prepare=False)

    def check_blocking(self, connection: Connection[Any]) -> None:
        """As :meth:`check`, for a connection that blocks."""
        self._judge(connection.execute(_BEGUN).fetchone())  # type: ignore[arg-type]  # a session has a role
        connection.execute(_AMENDED)
        connection.commit()

    def _judge(self, begun: _Begun) -> None:
        role, passes_by, owns, is_both, told = begun
        wanted = {name.lower(): value for name, value in (SETTINGS | self.more).items()}
        missing = sorted(name for name, value in wanted.items() if told.get(name) != value)
        if self.role and role != self.role:
            missing.insert(0, "role")
        if missing:
            raise WrongSession(
                f"PostgreSQL did not get what the ledger's connection asked for ({', '.join(missing)}): a proxy "
                "between them drops startup options, so name PostgreSQL itself in PULSE_DATABASE_URL"
            )
        faults = {"passes by row-level security": passes_by, "owns tables": owns, "may work as pulse_platform": is_both}
        for fault, found in faults.items():
            if self.role and found:
                raise WrongSession(f"the database role {role} {fault}, so tenants would not be kept apart: end that")


def _escaped(value: str) -> str:
    """As one word of the options."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _target(url: str) -> dict[str, str]:
    """Of several servers, the one that takes writes, unless the URL says which."""
    parts = conninfo_to_dict(url)
    several = "," in str(parts.get("host") or parts.get("hostaddr") or "")
    return {"target_session_attrs": "read-write"} if several and "target_session_attrs" not in parts else {}
