"""How the gateway is reached: channel options, encryption, credential.

gRPC ignores a misspelt option in silence, so they stand here and nowhere else.
"""

from __future__ import annotations

import json
from typing import Any

import grpc

#: Sends carry a key, and the rest reads or says the same again: trying again is safe. What makes template
#: versions is not tried again.
RETRIED = [
    {"service": "pulse.gateway.v1.NotificationService"},
    {"service": "pulse.gateway.v1.OperationsService"},
    {"service": "pulse.gateway.v1.TemplateService", "method": "GetTemplate"},
    {"service": "pulse.gateway.v1.TemplateService", "method": "ListTemplates"},
    {"service": "pulse.gateway.v1.TemplateService", "method": "PreviewTemplate"},
    {"service": "pulse.gateway.v1.FragmentService", "method": "GetFragment"},
    {"service": "pulse.gateway.v1.FragmentService", "method": "ListFragments"},
    {"service": "pulse.gateway.v1.RecipientService"},
    {"service": "pulse.gateway.v1.AttachmentService"},
    {"service": "pulse.gateway.v1.DestinationService", "method": "UpdateDestination"},
    {"service": "pulse.gateway.v1.DestinationService", "method": "GetDestination"},
    {"service": "pulse.gateway.v1.DestinationService", "method": "ListDestinations"},
]
#: A second try would not find what the first one, whose answer was lost, has taken away.
NOT_RETRIED = [
    {"service": "pulse.gateway.v1.OperationsService", "method": "DeleteLimit"},
    {"service": "pulse.gateway.v1.RecipientService", "method": "DeleteSuppression"},
    {"service": "pulse.gateway.v1.RecipientService", "method": "DeleteDeviceToken"},
]

#: Tries at the most, and what lies between them, s: it doubles, with jitter, and all is within the call's time-out.
MOST_TRIES = 5
FIRST_BACKOFF_S = 0.1
LONGEST_BACKOFF_S = 1.0
#: A gateway that begins to drain cancels what reaches it before its callers know: nobody looked at that.
RETRIED_CODES = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)

#: gRPC tries calls again by itself; of a gathered batch, what fails for one send alone is gather.waiting.Ask's.
_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": RETRIED,
            "retryPolicy": {
                "maxAttempts": MOST_TRIES,
                "initialBackoff": f"{FIRST_BACKOFF_S}s",
                "maxBackoff": f"{LONGEST_BACKOFF_S}s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": [code.name for code in RETRIED_CODES],
            },
        },
        {"name": NOT_RETRIED},
    ]
}

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.enable_retries", 1),
    # What a call must hold to be tried again: the largest. By default a batch of over 256 KiB is not.
    ("grpc.per_rpc_retry_buffer_size", 16 * 1024 * 1024),
    # A gateway that was restarted is found again soon, not after gRPC's default of up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # A watch that lies still for hours notices a connection that has died.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
]


def options(proxy: bool = False) -> list[tuple[str, Any]]:
    """Of every channel. ``proxy``: by the one that the environment names (https_proxy, no_proxy); else by none."""
    return [*_OPTIONS, ("grpc.enable_http_proxy", int(proxy))]


def credentials(tls: bool | bytes | grpc.ChannelCredentials) -> grpc.ChannelCredentials | None:
    """None for plain text; True: the system's authorities; bytes: these, in PEM."""
    if isinstance(tls, bytes):
        return grpc.ssl_channel_credentials(root_certificates=tls)
    if isinstance(tls, bool):
        return grpc.ssl_channel_credentials() if tls else None
    return tls


def metadata(api_key: str | None) -> tuple[tuple[str, str], ...]:
    """What every call carries."""
    return (("authorization", f"Bearer {api_key}"),) if api_key else ()
