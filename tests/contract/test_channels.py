"""A channel of the contract has its entry everywhere that needs one; whoever adds a channel is told what is missing."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import pulse_client
from pulse.common.v1 import enums_pb2
from services.gateway.rules.addresses import Addresses
from services.router.config import RouterSettings
from shared.channel.numbers import channel_of, number_of
from shared.channel.styles import style_sheet
from shared.channel.table import UNKNOWN, Address, Channel, needs_address
from shared.errors import PulseError

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = {name: number for name, number in enums_pb2.Channel.items() if number}

#: Who may say a channel's name, and why.
NAMING = {
    "shared/channel/table.py": "the table",
    "clients/python/pulse_client/enums.py": "the client stands alone",
    "services/router/config.py": "a channel's route is a setting",
    "services/gateway/rules/compatibility.py": "what the original called ids of its SMS",
    "services/cli/seed.py": "templates to begin with",
    "services/gateway/rules/copies.py": "copies are mails, whatever the notification's own channel is",
    "services/gateway/sending/copies.py": "the same",
    "services/router/rules/applicable_limits.py": "what counts an address of a copy, which is a mailbox",
    "services/console/views/template_pages.py": "what the form for a new template begins with",
}
#: Providers and look-alikes say whose they are, a migration is what it was, and the client's fake stands alone.
NAMING_FOLDERS = (
    "services/delivery/providers/",
    "services/sandbox/providers/",
    "services/ledger/migrations/",
    "clients/python/pulse_client/testing/",
)


@pytest.mark.parametrize("name", NUMBERS)
def test_every_channel_of_the_contract_has_an_entry(name: str) -> None:
    assert name in Channel.__members__, f"{name} has no entry in shared/channel/table.py"
    assert name in pulse_client.Channel.__members__, f"{name} is missing in clients/python/pulse_client/enums.py"
    setting = f"router_{name.lower()}_route"
    assert setting in RouterSettings.model_fields, f"{name} has no {setting} in services/router/config.py"
    migrations = (ROOT / "services" / "ledger" / "migrations" / "versions").rglob("*.py")
    assert any(f"'{name}'" in one.read_text("utf-8") for one in migrations), f"no migration adds {name} to the database"


def test_there_is_no_entry_without_a_channel() -> None:
    assert {channel.value for channel in Channel} == NUMBERS.keys()


@pytest.mark.parametrize("channel", Channel)
def test_a_channel_is_its_number_and_back(channel: Channel) -> None:
    assert channel_of(number_of(channel)) is channel
    assert Channel.named(channel.lower()) is channel
    assert Channel[channel.value] is channel


@pytest.mark.parametrize("number", [0, 99, -1, max(NUMBERS.values()) + 1])
def test_an_unknown_number_is_no_channel_and_breaks_no_reader(number: int) -> None:
    assert channel_of(number) is None


@pytest.mark.parametrize("name", ["", "CHANNEL_UNSPECIFIED", "UNSPECIFIED", "fax", "EMAIL "])
def test_an_unknown_name_is_no_channel(name: str) -> None:
    assert Channel.named(name) is None
    assert needs_address(name)


@pytest.mark.parametrize("name", ["", "LETTER", "email", "EMAIL ", "UNSPECIFIED"])
def test_what_a_row_of_another_release_names_is_none_of_the_channels(name: str) -> None:
    read = Channel.read(name)
    assert read is UNKNOWN
    assert (str(read), repr(read.value), number_of(read)) == ("UNSPECIFIED", "'UNSPECIFIED'", 0)
    assert read not in list(Channel)
    assert {read: 1}[Channel.read("FAX")] == 1


def test_no_channel_is_said_by_number_0() -> None:
    assert number_of(None) == enums_pb2.CHANNEL_UNSPECIFIED


@pytest.mark.parametrize("kind", Address)
def test_every_kind_of_address_has_rules(kind: Address) -> None:
    with pytest.raises(PulseError):
        Addresses().normalise(kind, "\0")
    with pytest.raises(PulseError):
        Addresses().normalise(kind, "no address at all")


@pytest.mark.parametrize("channel", Channel)
def test_every_channel_is_drawn_in_a_colour_of_its_own(channel: Channel) -> None:
    sheet, name = style_sheet(), channel.lower()
    light, dark = channel.facts.colours
    assert f"--{name}: light-dark({light}, {dark});" in sheet
    assert f".channel.{name} {{ color: var(--{name}); }}" in sheet
    assert [other for other in Channel if other.facts.colours == channel.facts.colours] == [channel]


def test_nobody_else_compares_or_lists_channels_by_name() -> None:
    names = "|".join(NUMBERS)
    said = re.compile(rf"""Channel\.({names})\b|enums_pb2\.({names})\b|["']({names})["']""")
    listed = subprocess.run(
        ["git", "ls-files", "services", "shared", "clients/python/pulse_client", "tools"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    found = {
        path
        for path in listed
        if path.endswith((".py", ".js", ".css", ".html"))
        and "/vendor/" not in path
        and not path.startswith(NAMING_FOLDERS)
        and said.search((ROOT / path).read_text("utf-8"))
    }
    assert found <= NAMING.keys(), f"ask the table, shared/channel/table.py: {sorted(found - NAMING.keys())}"
