"""The recipe for a provider in CONTRIBUTING.md is true: who is not in it does not say a provider's name."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from services.delivery.providers.registry import PROVIDERS
from services.sandbox.providers.registry import LOOKALIKES

ROOT = Path(__file__).resolve().parents[2]
LISTS = {"services/delivery/providers/registry.py", "services/sandbox/providers/registry.py"}
HAND_WRITTEN = ("services", "shared", "clients", "tools", "proto/pulse", "pyproject.toml", "compose.yaml", "Makefile")
GENERATED = {"services/console/static/openapi.json"}

#: Who says a provider's name besides, and why. A new one has nothing here.
BESIDES: Mapping[str, Mapping[str, str]] = {
    "smtp": {
        "shared/channel/table.py": "it serves email where no route is set",
        "services/delivery/providers/mail/settings.py": "PULSE_SMTP_FROM is the sender of all emails",
        "services/delivery/providers/ses/": "the same",
        "services/local/providers.py": "the sandbox has a port for the protocol",
        "services/sandbox/faults.py": "the protocol has replies of its own",
        "proto/pulse/common/v1/provider.proto": "an example",
        "proto/pulse/delivery/v1/delivery_service.proto": "an example",
        "tools/helm_values_table.py": "an example",
    },
    "ses": {
        "services/delivery/receiving/service.py": "it has an RPC of its own, older than that for all",
        "pyproject.toml": "its events come by SNS, so that its package stands above that of SNS",
    },
    "twilio": {
        "shared/channel/table.py": "it serves SMS where no route is set",
        "services/delivery/receiving/service.py": "it has an RPC of its own, older than that for all",
        "services/gateway/rules/compatibility.py": "the original's answers had its id",
        "proto/pulse/gateway/v1/compatibility_service.proto": "the same",
        "services/ledger/config.py": "whose receipts are expected is a setting",
        "tools/helm_values_table.py": "an example",
        "pyproject.toml": "its library",
        "services/delivery/providers/twilio_whatsapp/": "it goes by the same API",
    },
    "twilio_whatsapp": {"shared/channel/table.py": "it serves WhatsApp where no route is set"},
    "apprise": {
        "shared/channel/table.py": "it serves chat where no route is set",
        "pyproject.toml": "its library",
        "services/delivery/receiving/service.py": "its keys encrypt destinations",
    },
    "sns": {"services/delivery/providers/ses/": "it brings SES's events", "pyproject.toml": "the same"},
    "fcm": {
        "shared/channel/table.py": "it serves push where no route is set",
        "shared/channel/device_kinds.py": "it serves devices of its own kind alone",
    },
    "apns": {
        "services/sandbox/providers/fcm/": "a part of FCM's messages is called so",
        "shared/channel/device_kinds.py": "it serves devices of its own kind alone",
    },
    "webpush": {
        "services/sandbox/providers/fcm/": "the same",
        "shared/channel/device_kinds.py": "it serves devices of its own kind alone",
    },
}


def folders(name: str) -> tuple[str, ...]:
    """Its own two."""
    (lookalike,) = (one for one in LOOKALIKES if name in one.serves)
    return (f"services/delivery/providers/{name}/", f"{lookalike.__module__.replace('.', '/')}/")


def saying(name: str) -> set[str]:
    """Files that say it as programs do: as a text, as a setting, as the beginning of a name, as a module."""
    said = re.compile(rf"""["']{name}["']|\b{name}_[a-z]|\b(PULSE_)?{name.upper()}_|\.{name}\b""")
    listed = subprocess.run(
        ["git", "ls-files", *HAND_WRITTEN], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    texts = {path: (ROOT / path).read_bytes() for path in listed if path not in GENERATED}
    return {path for path, text in texts.items() if said.search(text.decode("utf-8", "replace"))}


@pytest.mark.parametrize("name", [entry.name for entry in PROVIDERS])
def test_a_provider_is_its_two_folders_and_a_line_in_each_list(name: str) -> None:
    allowed = (*folders(name), *LISTS, *BESIDES.get(name, {}))
    found = {path for path in saying(name) if not path.startswith(allowed)}
    assert not found, f"{name} is none of theirs: {sorted(found)}"


@pytest.mark.parametrize("name", BESIDES)
def test_who_is_excepted_has_reason_to_be(name: str) -> None:
    found = saying(name)
    assert [path for path in BESIDES[name] if not any(one.startswith(path) for one in found)] == []


def test_the_recipe_names_the_folders_and_the_lists() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for path in (*LISTS, "services/delivery/providers/", "services/sandbox/providers/"):
        assert f"`{path}" in page
