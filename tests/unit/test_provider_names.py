"""A provider's name is read alike by routes, rates, limits and operators' requests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from services.gateway.api.providers import check_name
from services.router.rules.provider_rates import parse_rates
from services.router.rules.routes import parse_route
from shared.channel.provider_names import is_name
from shared.errors import PulseError

NAMES = ["smtp", "a", "my-relay", "my_relay2", "0", "x" * 64]
NO_NAMES = ["", "Smtp", "SMTP", "my.relay", "my relay", "smtp\n", "ses:1", "ses=1", "éa", "x" * 65, "*", "smtp/"]

READERS: dict[str, Callable[[str], object]] = {
    "routes": parse_route,
    "rates": lambda name: parse_rates(f"{name}=1"),
    "requests": check_name,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_taken_by_all(reader: str, name: str) -> None:
    assert is_name(name)
    READERS[reader](name)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_none_is_taken_by_none(reader: str, name: str) -> None:
    assert not is_name(name)
    if (reader, name) != ("routes", "ses:1"):  # a provider with a weight
        with pytest.raises((ValueError, PulseError)):
            READERS[reader](name)
