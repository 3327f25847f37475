"""The router's settings."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from services.router.rules.provider_rates import parse_rates
from services.router.rules.routes import Routes, parse_route
from services.router.rules.sms_prefixes import DENIED, parse_prefixes, parse_prices
from shared.channel.table import Channel
from shared.config import Settings

#: Where it serves unless told otherwise.
DEFAULT_LISTEN = "[::]:50052"


def _route(channel: Channel) -> Any:
    """The setting of a channel's route; :meth:`RouterSettings.routes` finds it by its name."""
    return Field(
        channel.facts.usual_provider,
        description=f"providers for {channel} in order, by commas; with weights, as in a:3,b:1, the first is drawn by "
        "them",
    )


class RouterSettings(Settings):
    """What admission and dispatch can be told; times in seconds."""

    owns: ClassVar[tuple[str, ...]] = ("ROUTER_",)

    router_limit: int = Field(10, ge=1, le=100_000, description="admitted per user and channel in any window")
    router_limit_window_seconds: float = Field(60.0, ge=0.1, le=86_400, description="length of that window, s")
    router_recipient_limit: int = Field(
        0, ge=0, le=100_000, description="admitted to one address by one channel in any window; 0: no limit"
    )
    router_recipient_limit_window_seconds: float = Field(
        3_600.0, ge=0.1, le=2_678_400, description="length of that window, s"
    )
    router_tenant_limit: int = Field(
        0, ge=0, le=10**12, description="admitted of one tenant in any window; 0: no limit"
    )
    router_tenant_limit_window_seconds: float = Field(
        60.0, ge=0.1, le=2_678_400, description="length of that window, s"
    )
    router_sms_denied_prefixes: str = Field(
        ",".join(DENIED),
        description='beginnings of phone numbers that no SMS goes to, by commas; "+": all; "none": none',
    )
    router_sms_allowed_prefixes: str = Field(
        "", description="beginnings that are allowed all the same; the longest that fits counts"
    )
    router_sms_prices: str = Field(
        "",
        description='price of one SMS segment by prefix, "+1=0.0079,+=0.05" say; the longest that fits counts, none: 0',
    )
    router_sms_spend_limit: float = Field(
        0.0, ge=0, le=10**6, description="what one tenant's SMS may cost in any window; 0: no limit"
    )
    router_sms_spend_limit_window_seconds: float = Field(
        86_400.0, ge=0.1, le=2_678_400, description="length of that window, s"
    )
    router_limits_poll_seconds: float = Field(
        1.0, gt=0, le=60, description="pause between looks at the limits that operators set, s"
    )
    router_limiter_timeout_seconds: float = Field(
        0.02,
        gt=0,
        le=1,
        description="longest wait for Redis in a call, s; must be above a round trip to it, or it counts as away",
    )
    router_limiter_connect_seconds: float = Field(
        2.0, gt=0, le=60, description="longest time to connect to Redis, in the background of calls, s"
    )
    router_limiter_retry_seconds: float = Field(0.1, gt=0, le=60, description="pause before Redis is tried again, s")
    router_limiter_grace_seconds: float = Field(
        1.0, gt=0, le=60, description="a Redis that answers late is lost, and SMS closed, after so long, s"
    )
    router_replicas: int = Field(
        1,
        ge=1,
        description="routers expected to run, of PULSE_ROUTER_PROCESSES each; without Redis each process admits the "
        "limit divided by all of them",
    )
    router_local_keys: int = Field(
        200_000, ge=1, description="users and channels whose last admissions one process remembers for a loss of Redis"
    )
    router_email_route: str = _route(Channel.EMAIL)
    router_sms_route: str = _route(Channel.SMS)
    router_push_route: str = _route(Channel.PUSH)
    router_whatsapp_route: str = _route(Channel.WHATSAPP)
    router_chat_route: str = _route(Channel.CHAT)
    router_max_attempts: int = Field(6, ge=1, le=100, description="attempts at the most for one notification")
    router_email_max_attempts: int = Field(
        20, ge=1, le=100, description="the same for one by email that has no other channel to go on to"
    )
    router_record_batch: int = Field(500, ge=1, le=1_000, description="entries at the most in one Ledger.Record")
    router_ledger_timeout_seconds: float = Field(5.0, gt=0, le=30, description="longest call to the ledger, s")
    router_high_chunk: int = Field(20, ge=1, le=1_000, description="ids at the most in one HIGH task")
    router_low_chunk: int = Field(250, ge=1, le=1_000, description="ids at the most in one LOW task")
    router_high_window: int = Field(2_000, ge=1, le=100_000, description="ids at the most in Celery's HIGH queue")
    router_low_window: int = Field(1_000, ge=1, le=100_000, description="ids at the most in Celery's LOW queue")
    router_high_busy_tasks: int = Field(
        32, ge=1, description="waiting HIGH tasks from which on wake-ups are held until they fill a task"
    )
    router_low_busy_tasks: int = Field(
        4, ge=1, description="waiting LOW tasks from which on wake-ups are held until they fill a task"
    )
    router_provider_rates: str = Field(
        "",
        description="calls that providers may be given by all routers in any so many s, twilio=100/1,smtp=600/60 say; "
        "what is above waits",
    )
    router_redispatch_after_seconds: float = Field(
        10.0, gt=0, le=3_600, description="time the workers have to claim what was published, s"
    )
    router_sweep_seconds: float = Field(0.5, gt=0, le=60, description="pause between draws while nothing waits, s")
    router_poll_seconds: float = Field(0.02, gt=0, le=1, description="pause between draws while a backlog waits, s")

    @field_validator(*(f"router_{channel.lower()}_route" for channel in Channel))
    @classmethod
    def _is_route(cls, text: str) -> str:
        parse_route(text)
        return text

    @property
    def admitting(self) -> int:
        """Processes that admit: all of every router."""
        return self.router_replicas * self.router_processes

    def routes(self) -> Routes:
        """The route of every channel."""
        return {channel: parse_route(getattr(self, f"router_{channel.lower()}_route")) for channel in Channel}

    @field_validator("router_provider_rates")
    @classmethod
    def _are_rates(cls, text: str) -> str:
        parse_rates(text)
        return text

    @field_validator("router_sms_denied_prefixes", "router_sms_allowed_prefixes")
    @classmethod
    def _are_prefixes(cls, text: str) -> str:
        parse_prefixes(text)
        return text

    @field_validator("router_sms_prices")
    @classmethod
    def _are_prices(cls, text: str) -> str:
        parse_prices(text)
        return text

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Refuses values that are each possible but not together."""
        if self.admitting > self.router_limit:
            raise ValueError(
                "PULSE_ROUTER_REPLICAS times PULSE_ROUTER_PROCESSES above PULSE_ROUTER_LIMIT leaves a process no share "
                "without Redis"
            )
        if self.router_redispatch_after_seconds <= self.router_sweep_seconds:
            raise ValueError("PULSE_ROUTER_REDISPATCH_AFTER_SECONDS must be longer than PULSE_ROUTER_SWEEP_SECONDS")
        for lane in ("high", "low"):
            if getattr(self, f"router_{lane}_chunk") > getattr(self, f"router_{lane}_window"):
                name = lane.upper()
                raise ValueError(f"PULSE_ROUTER_{name}_CHUNK must not be above PULSE_ROUTER_{name}_WINDOW")
        return self
