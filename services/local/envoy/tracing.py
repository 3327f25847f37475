"""Envoy's own spans: the first of a REST request, sent to the collector that the services send theirs to."""

from __future__ import annotations

from typing import Any

#: OTLP's port over gRPC, where an endpoint names none.
_PORT = 4317


def placeholders(endpoint: str, ratio: float) -> dict[str, Any]:
    """What the template's placeholders for tracing stand for; without an ``endpoint`` (OTLP over gRPC) nothing is sent.

    ``ratio`` (0 to 1) is the share of requests that are sampled where the caller did not decide; what Envoy decides,
    the gateway follows.
    """
    host, _, port = endpoint.removeprefix("http://").removeprefix("https://").partition(":")
    return {
        "TRACING": _tracing(ratio) if endpoint else None,
        "COLLECTOR_HOST": host or "127.0.0.1",
        "COLLECTOR_PORT": int(port or _PORT),
    }


def _tracing(ratio: float) -> dict[str, Any]:
    """The ``tracing`` of an HTTP connection manager."""
    by_ratio = _sampler(
        "trace_id_ratio_based",
        "TraceIdRatioBasedSamplerConfig",
        sampling_percentage={"numerator": round(ratio * 1_000_000), "denominator": "MILLION"},
    )
    collector = {"envoy_grpc": {"cluster_name": "collector"}, "timeout": "1s"}
    provider = {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        "service_name": "pulse-envoy",
        "grpc_service": collector,
        "sampler": _sampler("parent_based", "ParentBasedSamplerConfig", wrapped_sampler=by_ratio),
    }
    # All are put to the sampler: Envoy's own dice would not ask what the caller decided.
    return {
        "random_sampling": {"value": 100},
        "provider": {"name": "envoy.tracers.opentelemetry", "typed_config": provider},
    }


def _sampler(name: str, kind: str, **fields: Any) -> dict[str, Any]:
    package = "type.googleapis.com/envoy.extensions.tracers.opentelemetry.samplers.v3"
    return {
        "name": f"envoy.tracers.opentelemetry.samplers.{name}",
        "typed_config": {"@type": f"{package}.{kind}", **fields},
    }
