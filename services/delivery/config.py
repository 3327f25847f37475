"""Settings of the delivery workers and the delivery service."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from services.delivery.providers import registry
from services.delivery.providers.base.settings import ProviderSettings
from services.delivery.rules.breaker import BreakerPolicy
from shared.config import MOST_PROCESSES

#: Time that must be left between a provider's answer and the lease's end, to settle what it said, s.
SETTLE_SECONDS = 2.0
#: Where the delivery service serves unless told otherwise.
DEFAULT_LISTEN = "[::]:50054"

if TYPE_CHECKING:
    _OfProviders = ProviderSettings
else:
    _OfProviders = registry.settings_of_all()


class DeliverySettings(_OfProviders):
    """What ``services.delivery`` reads from the environment, each key behind ``PULSE_``.

    Beside these are those of the providers: see their packages.
    """

    owns: ClassVar[tuple[str, ...]] = ("DELIVERY_", "WORKER_", "PUBLIC_")
    has_providers: ClassVar[bool] = True

    delivery_lease_seconds: float = Field(12.0, gt=0, le=600, description="how long a worker holds a claim, s")
    delivery_call_seconds: float = Field(5.0, gt=0, le=300, description="longest provider call, s")
    delivery_stall_seconds: float = Field(
        2.0, gt=0, le=60, description="a provider that ends no call for so long has its waiting ones handed back, s"
    )
    delivery_probe_seconds: float = Field(5.0, gt=0, le=300, description="how long a reachability check is believed, s")

    delivery_event_seconds: float = Field(
        10.0, gt=0, le=60, description="longest request to the endpoint of a subscription to events, s"
    )
    delivery_events_pause_seconds: float = Field(
        0.5, gt=0, le=60, description="how often the ledger is asked for events that are due for endpoints, s"
    )

    delivery_breaker_calls: int = Field(
        50, ge=2, le=10_000, description="calls by which a provider is judged, the last"
    )
    delivery_breaker_window_seconds: float = Field(
        30.0, gt=0, le=3600, description="calls that ended longer ago are not counted, s"
    )
    delivery_breaker_least_calls: int = Field(
        10, ge=1, le=10_000, description="fewer calls than that do not open a provider's breaker"
    )
    delivery_breaker_failure_share: float = Field(
        0.5, gt=0, le=1, description="share of failed calls from which on a provider is not called"
    )
    delivery_breaker_pause_seconds: float = Field(
        5.0, gt=0, le=3600, description="first pause of a failing provider, doubled while it goes on failing, s"
    )
    delivery_breaker_longest_pause_seconds: float = Field(30.0, gt=0, le=86_400, description="its longest pause, s")
    delivery_breaker_probes: int = Field(
        3, ge=1, le=125, description="calls that try a provider after its pause, and have to succeed"
    )

    worker_high_processes: int = Field(
        1,
        ge=1,
        le=MOST_PROCESSES,
        description="processes of a HIGH worker; every other bound of one is for each of them",
    )
    worker_low_processes: int = Field(
        1,
        ge=1,
        le=MOST_PROCESSES,
        description="processes of a LOW worker; every other bound of one but its share is for each of them",
    )
    worker_tasks: int = Field(4, ge=1, le=64, description="Celery tasks handled at once by one worker")
    worker_high_in_flight: int = Field(256, ge=1, le=10_000, description="claims in hand at the most, HIGH worker")
    worker_high_waiting: int = Field(
        64,
        ge=0,
        le=512,
        description="HIGH notifications that routers may have claimed for a worker as they are recorded, at the most "
        "512 and a quarter of what it may have in hand; 0: it is woken by Celery alone",
    )
    worker_low_in_flight: int = Field(1024, ge=1, le=10_000, description="claims in hand at the most, LOW worker")
    worker_events: bool = Field(
        False,
        description="tell Celery's monitors of every task, a quarter of a busy HIGH worker's time; in development "
        "Flower switches that on itself",
    )
    worker_low_share: float = Field(
        0.1,
        gt=0,
        le=1,
        description="share of the time in which a LOW worker's processes claim, taken together, while HIGH is under "
        "way; 1 where the lanes have machines, ledgers and a database with room for both",
    )
    worker_templates: int = Field(512, ge=1, le=100_000, description="compiled templates kept in memory")
    worker_templates_mib: int = Field(64, ge=1, le=4096, description="memory for compiled templates, MiB")

    def breaker_policy(self) -> BreakerPolicy:
        """When providers' breakers open, and how they find back."""
        return BreakerPolicy(
            calls=self.delivery_breaker_calls,
            window=self.delivery_breaker_window_seconds,
            least_calls=self.delivery_breaker_least_calls,
            failure_share=self.delivery_breaker_failure_share,
            pause=self.delivery_breaker_pause_seconds,
            longest_pause=self.delivery_breaker_longest_pause_seconds,
            probes=self.delivery_breaker_probes,
        )

    @model_validator(mode="after")
    def _breaker_makes_sense(self) -> Self:
        if self.delivery_breaker_least_calls > self.delivery_breaker_calls:
            raise ValueError("PULSE_DELIVERY_BREAKER_LEAST_CALLS must not be more than PULSE_DELIVERY_BREAKER_CALLS")
        if self.delivery_breaker_longest_pause_seconds < self.delivery_breaker_pause_seconds:
            raise ValueError("PULSE_DELIVERY_BREAKER_LONGEST_PAUSE_SECONDS must not be less than the first pause")
        return self

    @property
    def low_share_of_a_process(self) -> float:
        """One LOW process's part of the worker's share; 1 where none is to yield."""
        share = self.worker_low_share
        return share / self.worker_low_processes if share < 1 else share

    @model_validator(mode="after")
    def _lease_outlasts_a_call(self) -> Self:
        if self.delivery_lease_seconds < self.delivery_call_seconds + SETTLE_SECONDS:
            raise ValueError(
                f"PULSE_DELIVERY_LEASE_SECONDS={self.delivery_lease_seconds:g} is too short: it must be at least "
                f"{SETTLE_SECONDS:g} s longer than PULSE_DELIVERY_CALL_SECONDS={self.delivery_call_seconds:g}"
            )
        return self
