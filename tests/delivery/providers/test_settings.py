"""A provider's settings are its own, though all of them are read as one class, and other roles let them be."""

from __future__ import annotations

import pytest
from pydantic import Field

from services.delivery.config import DeliverySettings
from services.delivery.providers.base.settings import ProviderSettings
from services.delivery.providers.registry import PROVIDERS
from services.gateway.config import GatewaySettings
from services.router.config import RouterSettings
from services.sandbox.config import SandboxSettings
from shared.channel.provider_names import is_name
from shared.config import PREFIX, ConfigError, Settings, joined, provider_prefixes

COMMON = Settings.model_fields.keys() | {"public_url"}
FIELDS = sorted({name for entry in PROVIDERS for name in entry.settings.model_fields} - COMMON)
OTHERS = [GatewaySettings, RouterSettings, SandboxSettings]


def test_deliverys_settings_have_those_of_every_provider() -> None:
    assert set(FIELDS) <= DeliverySettings.model_fields.keys()
    assert all(issubclass(DeliverySettings, entry.settings) for entry in PROVIDERS)


@pytest.mark.parametrize("name", FIELDS)
def test_a_providers_keys_begin_with_its_folders_name(name: str) -> None:
    assert name.upper().startswith(provider_prefixes())


@pytest.mark.parametrize("entry", PROVIDERS, ids=lambda entry: entry.name)
def test_a_provider_is_called_as_its_folder_is(entry: object) -> None:
    assert is_name(entry.name)  # type: ignore[attr-defined]
    assert type(entry).__module__ == f"services.delivery.providers.{entry.name}"  # type: ignore[attr-defined]


@pytest.mark.parametrize("role", OTHERS)
def test_other_roles_let_them_be(role: type[Settings]) -> None:
    assert role.load({PREFIX + name.upper(): "anything" for name in FIELDS})


@pytest.mark.parametrize("role", [DeliverySettings, *OTHERS])
@pytest.mark.parametrize("key", ["PULSE_SMPT_HOST", "PULSE_TWILLIO_FROM", "PULSE_SMTPHOST", "PULSE_PROVIDERS_X"])
def test_what_is_no_providers_is_refused_by_every_role(role: type[Settings], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        role.load({key: "x"})


@pytest.mark.parametrize("key", ["PULSE_SMTP_HOTS", "PULSE_MAIL_FROM", "PULSE_AWS_REGION", "PULSE_BASE_URL"])
def test_a_misspelt_key_of_a_provider_stops_delivery(key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        DeliverySettings.load({key: "x"})


def test_two_parts_that_call_something_alike_are_none() -> None:
    class One(ProviderSettings):
        smtp_one: str = Field("", description="one")

        def check(self) -> None: ...

    class Two(ProviderSettings):
        smtp_two: str = Field("", description="two")

        def check(self) -> None: ...

    with pytest.raises(TypeError, match="One and Two both have check"):
        joined("Both", ProviderSettings, (One, Two))
    assert joined("Alone", ProviderSettings, (One, ProviderSettings, One)).model_fields.keys() >= {"smtp_one"}
