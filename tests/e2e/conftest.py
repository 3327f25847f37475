"""One running suite for all end-to-end tests that do not break it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.suite import Suite, running
from tests.support.http_proxy import CountingProxy
from tests.support.otlp_receiver import OtlpReceiver


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """Everything, as `make up` starts it, in a folder of its own."""
    with running(tmp_path_factory.mktemp("suite") / "ho me") as started:
        yield started


@pytest.fixture(scope="session")
def receiver() -> Iterator[OtlpReceiver]:
    """A collector of traces."""
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def dead_proxy() -> Iterator[CountingProxy]:
    """A proxy that counts who comes and lets nobody through."""
    with CountingProxy() as proxy:
        yield proxy


@pytest.fixture(scope="session")
def traced(
    receiver: OtlpReceiver, dead_proxy: CountingProxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Suite]:
    """A suite whose spans go to the receiver; of what nobody asked to be traced, only HIGH is kept.

    Its environment names a proxy for everything, which it must not use.
    """
    settings = {"OTLP_ENDPOINT": receiver.endpoint, "GATEWAY_TRACE_RATIO": "0", "SANDBOX_CALLBACKS": "on"}
    environment = {f"PULSE_{name}": value for name, value in settings.items()}
    environment |= dead_proxy.environment
    with running(tmp_path_factory.mktemp("traced") / "home", **environment) as suite:
        yield suite
