"""Makes an API key straight in the database: ``python -m services.ledger.first_key --name NAME``.

With ``--file`` it makes one only where there is none yet, and writes it there, readable by its owner alone.

Every other key is made through the gateway, by somebody who holds a key that may. Whoever reaches the database with
the ledger's credentials could do anything anyhow, so this asks for no other. The key goes to standard output, once.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import re
import sys
from pathlib import Path

from services.ledger.config import LedgerSettings
from services.ledger.postgres import start_errors, tenancy
from services.ledger.postgres.postgres import Postgres
from services.ledger.rules.api_keys import ApiKey
from services.ledger.schema import schema_check
from services.ledger.stores.api_key_store import ApiKeyStore
from services.ledger.stores.tenant_caps import TenantCaps
from shared import secret_keys
from shared.clock import SystemClock
from shared.config import StartError
from shared.errors import PulseError
from shared.scopes import SCOPES

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}")


def main(arguments: list[str]) -> int:
    """0 made, 1 the database refuses, 2 wrong usage, or a database that cannot be reached."""
    options = _parsed(arguments)
    settings = LedgerSettings.load_or_exit()
    file: Path | None = options.file
    try:
        secret = asyncio.run(
            create(settings, options.tenant, options.name, options.scopes, only_first=file is not None)
        )
    except (PulseError, StartError) as error:
        sys.stderr.write(f"first_key: {error}\n")
        return 2 if isinstance(error, StartError) else 1
    if file is None:
        sys.stdout.write(f"{secret}\n")
    elif secret is not None:
        file.touch(mode=0o600)
        file.write_text(secret, encoding="ascii")
    return 0


async def create(
    settings: LedgerSettings, tenant_id: str, name: str, scopes: list[str], *, only_first: bool = False
) -> str | None:
    """The new key; None if it was to be the ``only_first`` and there is one that asks for keys.

    Raises PulseError, and :class:`shared.config.StartError` if PostgreSQL cannot be used.
    """
    made = secret_keys.make()
    postgres = Postgres(settings)
    try:
        with start_errors.explained():
            await schema_check.until_ready(settings)
            await postgres.open()
        key = ApiKey(tenant_id, made.key_id, name, scopes, made.digest, dt.datetime.min)
        with tenancy.platform():
            store = ApiKeyStore(postgres, SystemClock(), TenantCaps.from_settings(settings))
            if only_first and await _is_there_one(store):
                return None
            await store.create(key)
    finally:
        await postgres.close()
    return made.secret


async def _is_there_one(store: ApiKeyStore) -> bool:
    """Whether anybody can come in by a key of the database."""
    accepted = (await store.list("", -1)).keys
    return any(not secret_keys.is_of_development(key.key_id) for key in accepted)


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.ledger.first_key")
    parser.add_argument("--name", required=True, type=_name, help="what stands in timelines for its holder")
    parser.add_argument("--tenant", default="default", help="whose (default: %(default)s)")
    parser.add_argument(
        "--scopes", default=sorted(SCOPES), type=_scopes, metavar="A,B", help="what it may do (default: everything)"
    )
    parser.add_argument("--file", type=Path, help="make it only if there is none yet, and write it there")
    return parser.parse_args(arguments)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError("up to 100 letters, digits and _ . @ -, a letter or digit first")
    return text


def _scopes(text: str) -> list[str]:
    scopes = sorted(set(text.split(",")))
    if unknown := sorted(set(scopes) - SCOPES):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(sorted(SCOPES))}")
    return scopes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
