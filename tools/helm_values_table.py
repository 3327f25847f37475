"""All values of the chart, in the order of values.yaml."""

from __future__ import annotations

from collections.abc import Iterator

from helm_values import (
    COUNT,
    FLAG,
    LEVEL,
    LIST,
    MAPPING,
    NAME,
    PORT,
    RESOURCES,
    SOME,
    TEXT,
    TEXTS,
    Value,
    camel,
    pod,
)

#: Roles with a number of pods that somebody sets; the others have an autoscaler.
FIXED = ("router", "ledger", "delivery", "console", "envoy")
SCALED = ("gateway", "worker-high", "worker-low")
#: What runs, by the name that its values have.
WORKLOADS = {
    **{name: f"Deployment/{name}" for name in (*SCALED, *FIXED)},
    "migrate": "Job/migrate",
    "migrate-after": "CronJob/migrate-after",
    "postgres": "StatefulSet/postgres",
    "valkey": "Deployment/valkey",
    "sandbox": "Deployment/sandbox",
    "seed": "Job/seed",
    "collector": "Deployment/otel-collector",
    "jaeger": "Deployment/jaeger",
    "flower": "Deployment/flower",
}
#: Those whose image is not Pulse's.
FOREIGN = ("envoy", "postgres", "valkey", "collector", "jaeger", "flower")
#: Secrets by their name in the manifests: the value that has another, and what is in them.
SECRETS = {
    "pulse-database": ("database", "url: postgresql://..., read by ledger; where PostgreSQL is bundled, password too"),
    "pulse-database-owner": ("databaseOwner", "url: of the tables' owner, may be the same; read by migrate"),
    "pulse-redis": ("redis", "url: redis://.../0, rate limits; read by router"),
    "pulse-broker": ("broker", "url: redis://.../1 or amqp://...; read by router and workers"),
    "pulse-providers": ("providers", "PULSE_SMTP_PASSWORD, PULSE_TWILIO_... and so on; read by delivery and workers"),
    "pulse-provider-files": ("providerFiles", "optional: files, mounted at /etc/pulse/providers"),
    "pulse-unsubscribe": ("unsubscribe", "optional: key, signs links to unsubscribe; read by gateway and workers"),
    "pulse-console": ("console", "secret: any long random text, seals sessions"),
    "pulse-tls": ("ingress", "tls.crt and tls.key, for the Ingress"),
}
#: What values together are, where their name does not say it.
GROUPS = {
    "secrets": "Names of Secrets, which are made before (docs/kubernetes.md); no secret stands in values.",
    "replicas": "Pods of roles without an autoscaler. Ledgers take connections of PostgreSQL (docs/scaling.md).",
    "resources": "What each container asks for, and its bounds.",
    "images": "Of others.",
    "edge": "Envoy.",
    "pods": "For all pods.",
}


def every() -> Iterator[Value]:
    """All of them."""
    yield from _yours()
    yield from _providers()
    yield from _servers()
    yield from _secrets()
    yield from _numbers()
    yield from _resources()
    yield from _parts()
    yield from _pods()


def _yours() -> Iterator[Value]:
    hosts = (("Ingress/pulse", "spec/rules/0/host"), ("Ingress/pulse", "spec/tls/0/hosts/0"))
    yield Value("image.repository", "Pulse's image", NAME)
    yield Value("image.tag", "empty: the chart's appVersion", TEXT, "")
    yield Value("image.digest", "sha256:..., goes before the tag", TEXT, "")
    yield Value("ingress.enabled", "REST, callbacks of providers and links to unsubscribe from outside", FLAG, True)
    yield Value("ingress.host", "name by which they are called", NAME, places=hosts)
    yield Value("ingress.className", "empty: the cluster's default", TEXT, "")
    yield Value("ingress.annotations", "for the ingress controller", TEXTS, {})
    yield Value("settings", "What every role reads, by the names of docs/configuration.md; each is text", MAPPING, {})
    level = ("ConfigMap/runtime", "data/log-level")
    yield Value("logLevel", "Followed by the pods that run", LEVEL, places=(level,))
    yield Value("edge.corsOrigins", "web pages of other origins that may call the API, by commas", TEXT, "")
    yield Value("edge.traceRatio", "share of REST requests traced, 0 to 1; empty: one in a hundred", TEXT, "")


def _providers() -> Iterator[Value]:
    policy = "NetworkPolicy/to-providers"
    yield Value(
        "providers.settings",
        "PULSE_PUBLIC_URL, PULSE_SMTP_HOST and what else of providers is no secret; the Secret goes before it",
        MAPPING,
        {},
    )
    yield Value("providers.network", "where they are, as a NetworkPolicy's `to`", LIST, places=((policy, _TO),))
    yield Value("providers.ports", "and at which ports", LIST, places=((policy, "spec/egress/0/ports"),))


_TO = "spec/egress/0/to"


def _servers() -> Iterator[Value]:
    for name, policy in (("postgresql", "NetworkPolicy/to-postgres"), ("valkey", "NetworkPolicy/to-valkey")):
        yield Value(f"{name}.bundled", "true: one comes with the chart, for a cluster to throw away", FLAG, False)
        yield Value(f"{name}.network", "where yours is, as a NetworkPolicy's `to`", LIST, places=((policy, _TO),))
        yield Value(f"{name}.port", "and at which port", PORT, places=((policy, "spec/egress/0/ports/0/port"),))
    storage = "spec/volumeClaimTemplates/0/spec/resources/requests/storage"
    yield Value("postgresql.storage", "of the bundled one", NAME, places=(("StatefulSet/postgres", storage),))
    yield Value(
        "migrateAtOnce",
        "true: migrate does what migrate-after would, too; only where no release served before",
        FLAG,
        False,
    )


def _secrets() -> Iterator[Value]:
    for default, (name, says) in SECRETS.items():
        yield Value(f"secrets.{name}", says, NAME, default)
    yield Value(
        "developmentSecrets",
        "Secrets that the chart makes, by name and key, for a cluster to throw away: who reads the release reads them",
        {"type": "object", "additionalProperties": TEXTS},
        {},
    )


def _numbers() -> Iterator[Value]:
    for role in FIXED:
        yield Value(f"replicas.{role}", "", COUNT, places=((f"Deployment/{role}", "spec/replicas"),))
    yield Value("autoscaling.enabled", "false: these have minReplicas pods", FLAG, True)
    for role in SCALED:
        name, scaler, scaled = f"autoscaling.{camel(role)}", f"HorizontalPodAutoscaler/{role}", f"ScaledObject/{role}"
        least, most = ((scaler, f"spec/{each}Replicas") for each in ("min", "max"))
        yield Value(f"{name}.minReplicas", "", SOME, places=(least, (scaled, "spec/minReplicaCount")))
        yield Value(f"{name}.maxReplicas", "", SOME, places=(most, (scaled, "spec/maxReplicaCount")))
        goal = (scaler, "spec/metrics/0/resource/target/averageUtilization")
        yield Value(f"{name}.cpu", "goal, % of what a pod asks for", SOME, places=(goal,))


def _resources() -> Iterator[Value]:
    for name, workload in WORKLOADS.items():
        place = (workload, f"{pod(workload)}/containers/0/resources")
        yield Value(f"resources.{camel(name)}", "", RESOURCES, places=(place,))
    init = ("Deployment/envoy", "spec/template/spec/initContainers/0/resources")
    yield Value("resources.envoyConfig", "", RESOURCES, places=(init,))


def _parts() -> Iterator[Value]:
    yield Value("networkPolicies.enabled", "nothing may talk but what has to", FLAG, True)
    yield Value("mutualTLS.enabled", "gRPC between the pods encrypted; needs cert-manager", FLAG, True)
    yield Value("monitoring.enabled", "metrics, rules and alerts; needs the Prometheus operator", FLAG, False)
    yield Value("keda.enabled", "workers by how long notifications wait; needs KEDA", FLAG, False)
    address = "spec/triggers/1/metadata/serverAddress"
    places = tuple((f"ScaledObject/{role}", address) for role in SCALED if role.startswith("worker-"))
    yield Value("keda.prometheus", "the Prometheus that KEDA asks", NAME, places=places)
    yield Value("tracing.enabled", "an OpenTelemetry collector, and Jaeger", FLAG, False)
    yield Value("flower.enabled", "Celery's own view of workers and tasks", FLAG, False)
    yield Value("sandbox.enabled", "stands in for the providers where nothing is meant to arrive", FLAG, False)


def _pods() -> Iterator[Value]:
    for name in FOREIGN:
        place = (WORKLOADS[name], f"{pod(WORKLOADS[name])}/containers/0/image")
        yield Value(f"images.{name}", "", NAME, places=(place,))
    yield Value("pods.imagePullSecrets", "[{name: ...}], for the registry", LIST, [])
    yield Value("pods.nodeSelector", "", TEXTS, {})
    yield Value("pods.tolerations", "", LIST, [])
