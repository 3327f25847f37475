"""Providers as operators see them: what workers and operators made of them, and whether they can be reached."""

from __future__ import annotations

from collections.abc import Iterable

from pulse.common.v1 import provider_pb2
from pulse.delivery.v1 import delivery_service_pb2
from shared.channel.provider_names import is_name
from shared.errors import invalid_field

_NOT_TRIED = "not tried: the delivery service does not answer"


def check_name(name: str) -> None:
    """Raises INVALID_ARGUMENT for what no provider can be called."""
    if not is_name(name):
        raise invalid_field("provider", "PROVIDER_INVALID", "is not what a provider can be called")


def not_tried(states: Iterable[provider_pb2.ProviderState]) -> list[provider_pb2.ProviderState]:
    """The states where nobody could say what can be reached."""
    return [_with(state, problem=_NOT_TRIED) for state in states]


def merged(
    states: Iterable[provider_pb2.ProviderState], probes: Iterable[delivery_service_pb2.Provider]
) -> list[provider_pb2.ProviderState]:
    """One for each provider that is configured or that a worker told of, by channel, then name."""
    found = {(state.channel, state.provider): state for state in states}
    for probe in probes:
        key = (probe.channel, probe.name)
        state = found.get(key) or provider_pb2.ProviderState(
            provider=probe.name, channel=probe.channel, override=provider_pb2.AUTOMATIC
        )
        found[key] = _with(state, probe.reachable, probe.problem)
        if probe.HasField("check_time"):
            found[key].check_time.CopyFrom(probe.check_time)
    return [found[key] for key in sorted(found)]


def _with(state: provider_pb2.ProviderState, reachable: bool = False, problem: str = "") -> provider_pb2.ProviderState:
    told = provider_pb2.ProviderState()
    told.CopyFrom(state)
    told.reachable, told.problem = reachable, problem
    return told
