"""Settings that cannot be right stop the router at start, with a sentence that names them."""

from __future__ import annotations

import pytest

from services.router.config import RouterSettings
from shared.config import ConfigError


def test_the_defaults_are_the_originals_limit() -> None:
    settings = RouterSettings.load({})
    assert (settings.router_limit, settings.router_limit_window_seconds) == (10, 60)


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"PULSE_ROUTER_LIMIT": "0"}, "ROUTER_LIMIT"),
        ({"PULSE_ROUTER_LIMIT": "-1"}, "ROUTER_LIMIT"),
        ({"PULSE_ROUTER_LIMIT_WINDOW_SECONDS": "0"}, "ROUTER_LIMIT_WINDOW_SECONDS"),
        ({"PULSE_ROUTER_REPLICAS": "11"}, "ROUTER_REPLICAS"),
        ({"PULSE_ROUTER_REDISPATCH_AFTER_SECONDS": "0.5"}, "ROUTER_REDISPATCH_AFTER_SECONDS"),
        ({"PULSE_ROUTER_LOW_CHUNK": "900", "PULSE_ROUTER_LOW_WINDOW": "800"}, "ROUTER_LOW_CHUNK"),
        ({"PULSE_ROUTER_EMAIL_ROUTE": "smtp,,backup"}, "ROUTER_EMAIL_ROUTE"),
        ({"PULSE_ROUTER_SMS_ROUTE": "twilio:0"}, "ROUTER_SMS_ROUTE"),
        ({"PULSE_ROUTER_SMS_DENIED_PREFIXES": "881"}, "ROUTER_SMS_DENIED_PREFIXES"),
        ({"PULSE_ROUTER_SMS_PRICES": "+49"}, "ROUTER_SMS_PRICES"),
        ({"PULSE_ROUTER_TENANT_LIMIT": "-1"}, "ROUTER_TENANT_LIMIT"),
        ({"PULSE_ROUTER_LIMTI": "5"}, "ROUTER_LIMIT"),
    ],
)
def test_a_setting_that_cannot_be_right_is_named(environ: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        RouterSettings.load(environ)
