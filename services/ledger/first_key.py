"""Makes an API key straight in the database: ``python -m services.ledger.first_key --name NAME``.

Every other key is made through the gateway, by somebody who holds a key that may. Whoever reaches the database with
the ledger's credentials could do anything anyhow, so this asks for no other. The key goes to standard output, once.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import re
import sys

from services.ledger import schema_check, start_errors, tenancy
from services.ledger.api_key_store import ApiKeyStore
from services.ledger.api_keys import ApiKey
from services.ledger.config import LedgerSettings
from services.ledger.postgres import Postgres
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
    try:
        secret = asyncio.run(create(settings, options.tenant, options.name, options.scopes))
    except (PulseError, StartError) as error:
        sys.stderr.write(f"first_key: {error}\n")
        return 2 if isinstance(error, StartError) else 1
    sys.stdout.write(f"{secret}\n")
    return 0


async def create(settings: LedgerSettings, tenant_id: str, name: str, scopes: list[str]) -> str:
    """The new key. Raises PulseError, and :class:`shared.config.StartError` if PostgreSQL cannot be used."""
    made = secret_keys.make()
    postgres = Postgres(settings)
    try:
        with start_errors.explained():
            await schema_check.until_ready(settings)
            await postgres.open()
        key = ApiKey(tenant_id, made.key_id, name, scopes, made.digest, dt.datetime.min)
        with tenancy.platform():
            await ApiKeyStore(postgres, SystemClock()).create(key)
    finally:
        await postgres.close()
    return made.secret


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.ledger.first_key")
    parser.add_argument("--name", required=True, type=_name, help="what stands in timelines for its holder")
    parser.add_argument("--tenant", default="default", help="whose (default: %(default)s)")
    parser.add_argument(
        "--scopes", default=sorted(SCOPES), type=_scopes, metavar="A,B", help="what it may do (default: everything)"
    )
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
