"""The providers of a local run: those that routes and kinds of devices name by themselves, each its look-alike.

Here delivery's list of providers and the sandbox's of look-alikes are joined, by their names.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.delivery.providers import registry as providers
from services.local.ports import HOST, Ports
from services.sandbox.providers import registry as lookalikes
from shared.channel.device_kinds import DeviceKind
from shared.channel.table import Channel


def settings(base: Mapping[str, str], ports: Ports) -> dict[str, str]:
    """What delivery is told of them; of one that ``base`` has settings of its own for, nothing.

    Half a real account and half a sandbox would be worse than either.
    """
    places = {"http": ports.sandbox, "smtp": ports.sandbox_smtp}
    told: dict[str, str] = {}
    usual = [channel.facts.usual_provider for channel in Channel]
    for name in dict.fromkeys([*usual, *(kind.provider for kind in DeviceKind)]):
        provider, port = providers.BY_NAME[name].lookalike, lookalikes.PORTS[name]
        if not any(base.get(owner) for owner in provider.owners):
            told |= provider.told(HOST, places[port])
    return told
