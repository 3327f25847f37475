"""The gateway's settings."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from pydantic import Field

from shared.net.public_address import PublicAddress

#: Where it serves unless told otherwise.
DEFAULT_LISTEN = "[::]:50051"


class MostWatches(NamedTuple):
    """Watches at once in this process."""

    of_key: int
    of_tenant: int
    of_gateway: int


class GatewaySettings(PublicAddress):
    """Keys of the front door."""

    owns: ClassVar[tuple[str, ...]] = ("GATEWAY_", "CORS_", "PUBLIC_")

    gateway_api_keys_file: str = Field(
        "",
        description='JSON file of API keys: [{"tenant", "name", "sha256", "scopes"}], besides those of `pulse keys`',
    )
    cors_origins: str = Field(
        "", description="origins of web pages that may call the REST API, by commas: https://app.example.com; *: any"
    )
    gateway_keys_seconds: float = Field(
        1.0, ge=0.01, le=60, description="how often the ledger is asked for API keys made or revoked, s"
    )
    gateway_keys_stale_seconds: float = Field(
        10.0,
        gt=0,
        le=3600,
        description="keys of `pulse keys` are refused with 503 when the ledger has not confirmed them for so long, s",
    )
    gateway_phone_check: str = Field(
        "",
        pattern="^(form|possible|assigned)?$",
        description="how closely phone numbers are checked; empty: form in development, possible in production",
    )
    gateway_template_seconds: float = Field(
        1.0, ge=0, le=60, description="how long the newest version of a template may be remembered, s"
    )
    gateway_sender_seconds: float = Field(
        5.0, ge=0, le=60, description="how long a registered sender, or that there is none, may be remembered, s"
    )
    gateway_trace_ratio: float = Field(
        0.01, ge=0, le=1, description="share of requests that are traced if the caller does not say"
    )
    gateway_max_batch: int = Field(500, ge=1, le=1000, description="most submissions in one call to the router")
    gateway_max_waiting: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="most requests that may wait for the router; the next are told to come back",
    )
    gateway_file_link_hours: int = Field(
        168,
        ge=1,
        le=2_160,
        description="how long links to files (as_link) are good, after the latest of now, send_at and expires_at, h",
    )
    gateway_watches_of_key: int = Field(
        1_000,
        ge=1,
        le=100_000,
        description="most watches at once of the keys of one name, in each process of a gateway",
    )
    gateway_watches_of_tenant: int = Field(
        2_000, ge=1, le=100_000, description="most watches at once of one tenant, in each process of a gateway"
    )
    gateway_watches_of_gateway: int = Field(
        8_000, ge=1, le=100_000, description="most watches at once of all tenants, in each process of a gateway"
    )
    gateway_watch_seconds: float = Field(
        3600.0, ge=1, le=86_400, description="longest time a watch lasts before its caller must resume it, s"
    )

    @property
    def most_watches(self) -> MostWatches:
        """The quotas of watches."""
        return MostWatches(self.gateway_watches_of_key, self.gateway_watches_of_tenant, self.gateway_watches_of_gateway)

    @property
    def phone_check(self) -> str:
        """What ``gateway_phone_check`` comes to in this environment."""
        return self.gateway_phone_check or ("form" if self.env == "development" else "possible")
