"""API keys from a file: a JSON list of ``{"tenant", "name", "sha256", "scopes"}``, read once at start."""

from __future__ import annotations

import binascii
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from services.gateway.door.auth import ApiKey, Caller
from shared.config import ConfigError
from shared.scopes import SCOPES
from shared.strict_json import BadJson, loads


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tenant: str = Field(min_length=1, max_length=100)
    name: str = Field(min_length=1, max_length=100)
    sha256: str = Field(pattern="^[0-9a-fA-F]{64}$")
    scopes: frozenset[str]


def read(path: str) -> list[ApiKey]:
    """The keys in the file; :class:`ConfigError` names what is wrong with it, never a hash."""
    try:
        entries = TypeAdapter(list[_Entry]).validate_python(loads(Path(path).read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise ConfigError(f"the API key file cannot be read: {error.strerror}") from None
    except (BadJson, UnicodeDecodeError) as error:
        raise ConfigError(f"the API key file is no JSON: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"the API key file is wrong at {place or 'its beginning'}: {first['msg']}") from None
    return [_key(entry) for entry in entries]


def _key(entry: _Entry) -> ApiKey:
    unknown = sorted(entry.scopes - SCOPES)
    if unknown:
        raise ConfigError(f"the API key {entry.name!r} has the unknown scope {unknown[0]!r}")
    return ApiKey(Caller(entry.tenant, entry.name, entry.scopes), binascii.unhexlify(entry.sha256))
