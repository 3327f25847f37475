"""PostgreSQL of a local run: loopback TCP only, no socket file, its data under ``data/postgres``.

It asks for a password (SCRAM), as other users of the machine reach the loopback interface too, and whoever is let in
is a superuser, who can run programs as the owner of the server.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from services.local import wheels
from services.local.errors import LocalError, StartFailed
from services.local.plan import Plan
from services.local.ports import HOST

USER = DATABASE = "pulse"

#: Who may connect (pg_hba.conf): from this machine, by password.
_ACCESS = "host all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n"
#: Holds the hash of the password that the cluster asks for.
_MARK = "pulse-password"

#: What a laptop wants: small memory, full durability, and no row's content in the log.
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "60",
    # A client that went away before it had said who it is holds up nobody for long.
    "authentication_timeout": "5s",
    "shared_buffers": "64MB",
    "synchronous_commit": "on",
    "fsync": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


def folder(plan: Plan) -> Path:
    return plan.home.data / "postgres"


def command(plan: Plan) -> Sequence[str]:
    """The server's command line."""
    options = [part for key, value in SETTINGS.items() for part in ("-c", f"{key}={value}")]
    return [*as_plain_user(), _program("postgres"), "-D", str(folder(plan)), "-p", str(plan.ports.postgres), *options]


def is_ready_command(plan: Plan) -> Sequence[str]:
    """Ends with status 0 once the server takes connections (not while it still recovers)."""
    return [_program("pg_isready"), "-q", "-h", HOST, "-p", str(plan.ports.postgres), "-U", USER, "-d", DATABASE]


def prepare(plan: Plan) -> None:
    """Makes the database cluster unless there is one. It appears under its name only when complete."""
    final = folder(plan)
    if not (final / "PG_VERSION").exists():
        _make(plan, final)
    if not _asks_for(plan, final):
        _set_password(plan, final)


def _make(plan: Plan, final: Path) -> None:
    fresh = final.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    collation = ["--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8", "--encoding=UTF8"]
    account = [f"--username={USER}", "--auth=reject", "--no-instructions"]
    _run([_program("initdb"), f"--pgdata={fresh}", *account, *collation], plan)
    _run([_program("postgres"), "--single", "-D", str(fresh), "postgres"], plan, f"CREATE DATABASE {DATABASE};\n")
    fresh.rename(final)


def _asks_for(plan: Plan, cluster: Path) -> bool:
    """Whether the cluster asks for this home's password: one of an earlier release asks for none."""
    mark = cluster / _MARK
    return mark.exists() and mark.read_text(encoding="ascii") == _fingerprint(plan)


def _set_password(plan: Plan, cluster: Path) -> None:
    """Sets it while no server runs, and lets in only who knows it."""
    alter = f"ALTER ROLE {USER} PASSWORD '{plan.home.secret('postgres')}';\n"
    _run([_program("postgres"), "--single", "-D", str(cluster), "postgres"], plan, alter)
    (cluster / "pg_hba.conf").write_text(_ACCESS, encoding="ascii")
    (cluster / _MARK).write_text(_fingerprint(plan), encoding="ascii")


def _fingerprint(plan: Plan) -> str:
    return hashlib.sha256(plan.home.secret("postgres").encode()).hexdigest()


def as_plain_user() -> list[str]:
    """PostgreSQL wants to be run by somebody who is not root and who has a name. Where that is not so, a user
    namespace in which we are called like somebody satisfies it: no owner of any file changes."""
    if os.geteuid() and _has_name(os.geteuid()):
        return []
    named = [user.pw_uid for user in pwd.getpwall() if user.pw_uid]
    unshare = shutil.which("unshare")
    if unshare is None or not named:
        raise LocalError("PostgreSQL cannot run as this user; use an ordinary one, or install `unshare` (util-linux)")
    return [unshare, "--user", f"--map-user={named[0]}", f"--map-group={named[0]}"]


def _has_name(uid: int) -> bool:
    try:
        return bool(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return False


def _program(name: str) -> str:
    return str(wheels.postgres_program(name))


def _run(arguments: Sequence[str], plan: Plan, text: str = "") -> None:
    with plan.home.log("postgres").open("ab") as log:
        done = subprocess.run(  # noqa: S603 -- programs of the wheel, arguments of our own
            [*as_plain_user(), *arguments], input=text.encode(), stdout=log, stderr=log, check=False
        )
    if done.returncode:
        raise StartFailed("postgres", f"{Path(arguments[0]).name} ended with status {done.returncode}")
