"""Who may speak to whom: the one table that the manifests are tested against, and a cluster that runs them."""

from __future__ import annotations

Flow = tuple[str, str, int]  # from, to, port: 0 is any

#: Roles that tell of the calls and attempts that they make. The sandbox is one more where it runs.
TRACED = ("envoy", "gateway", "router", "ledger", "delivery", "worker-high", "worker-low", "console")

#: Between pods of Pulse, everywhere.
INSIDE: set[Flow] = {
    ("envoy", "gateway", 50051),
    ("envoy", "delivery", 50054),
    ("envoy", "console", 8080),
    ("console", "gateway", 50051),
    ("gateway", "router", 50052),
    ("gateway", "ledger", 50053),
    ("gateway", "delivery", 50054),
    ("router", "ledger", 50053),
    ("delivery", "ledger", 50053),
    ("worker-high", "ledger", 50053),
    ("worker-high", "router", 50052),
    ("worker-low", "ledger", 50053),
}

FROM_OUTSIDE: set[Flow] = {("pulse-ingress=allowed", "envoy", 8000), ("pulse-client=allowed", "gateway", 50051)}

#: Of the components `tracing` and `flower`.
TRACING: set[Flow] = {
    *((role, "otel-collector", 4317) for role in TRACED),
    ("otel-collector", "jaeger", 4317),
}
FLOWER = {"kind": ("flower", "valkey", 6379), "production": ("flower", "10.0.0.0/8", 6379)}

ONLY_IN_KIND: set[Flow] = {
    ("ledger", "postgres", 5432),
    ("migrate", "postgres", 5432),
    ("migrate-after", "postgres", 5432),
    ("router", "valkey", 6379),
    ("worker-high", "valkey", 6379),
    ("worker-low", "valkey", 6379),
    *((sender, "sandbox", port) for sender in ("delivery", "worker-high", "worker-low") for port in (8025, 1025)),
    ("sandbox", "envoy", 8000),
    ("sandbox", "otel-collector", 4317),
    ("seed", "gateway", 50051),
}

TO_OUTSIDE: set[Flow] = {
    ("ledger", "10.0.0.0/8", 5432),
    ("migrate", "10.0.0.0/8", 5432),
    ("migrate-after", "10.0.0.0/8", 5432),
    ("router", "10.0.0.0/8", 6379),
    ("worker-high", "10.0.0.0/8", 6379),
    ("worker-low", "10.0.0.0/8", 6379),
    *((s, "0.0.0.0/0", port) for s in ("delivery", "worker-high", "worker-low") for port in (443, 465, 587)),
}

#: Those who answer for names: the cluster's pods, at whatever port they have, and a cache on each node.
DNS = {("kubernetes.io/metadata.name=kube-system", 0), ("169.254.20.10/32", 53)}
