"""Settings: a mistake is named at start, and a secret is never shown."""

from __future__ import annotations

from typing import ClassVar

import pytest
from pydantic import Field

from shared.config import ConfigError, Settings


class RouterLike(Settings):
    owns: ClassVar[tuple[str, ...]] = ("ROUTER_",)
    router_limit: int = Field(10, gt=0, description="places")


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"PULSE_HTP_PORT": "1"}, ["PULSE_HTP_PORT", "did you mean PULSE_HTTP_PORT?"]),
        ({"PULSE_ROUTER_LIMT": "1"}, ["PULSE_ROUTER_LIMT", "PULSE_ROUTER_LIMIT"]),
        ({"PULSE_HTTP_PORT": "many"}, ["PULSE_HTTP_PORT", "many"]),
        ({"PULSE_ROUTER_LIMIT": "0"}, ["PULSE_ROUTER_LIMIT", "greater than 0"]),
        ({"PULSE_AUTH": "maybe"}, ["PULSE_AUTH"]),
    ],
)
def test_a_mistake_is_named(environ: dict[str, str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        RouterLike.load(environ)
    assert all(word in str(caught.value) for word in words)


def test_keys_of_other_roles_and_of_others_are_left_alone() -> None:
    RouterLike.load({"PULSE_LEDGER_ANYTHING": "x", "PATH": "/bin"})


def test_an_empty_value_means_the_default() -> None:
    assert RouterLike.load({"PULSE_ROUTER_LIMIT": ""}).router_limit == 10


def test_secrets_are_blanked_when_settings_are_shown() -> None:
    shown = Settings.load({"PULSE_DATABASE_URL": "postgresql://u:hunter2@h/d"}).redacted()
    assert "hunter2" not in str(shown)


def test_every_key_is_documented() -> None:
    assert all(field.description for field in Settings.model_fields.values())
