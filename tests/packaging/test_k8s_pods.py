"""What pods may do, how they are watched, and what they are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.delivery.providers.registry import PROVIDERS
from services.gateway.config import GatewaySettings
from shared.config import Settings
from shared.rpc.identity import ROLES
from tests.packaging.manifests import Manifests, containers, pod, secret_names
from tests.packaging.roles import SETTINGS
from tests.packaging.tools import ROOT

GRPC_PORTS = {"gateway": 50051, "router": 50052, "ledger": 50053, "delivery": 50054}


def test_the_namespace_refuses_pods_that_are_not_restricted(manifests: Manifests) -> None:
    labels = manifests.of("Namespace")["pulse"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_every_object_is_in_that_namespace(manifests: Manifests) -> None:
    for found in manifests.objects:
        assert found["kind"] == "Namespace" or found["metadata"]["namespace"] == "pulse", found["metadata"]["name"]


def test_every_pod_is_restricted(manifests: Manifests) -> None:
    for name, workload in manifests.workloads().items():
        context = pod(workload)["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name


def test_every_container_has_a_read_only_root_and_no_privilege(manifests: Manifests) -> None:
    for name, workload in manifests.workloads().items():
        for container in containers(workload):
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True, (name, container["name"])
            assert context["allowPrivilegeEscalation"] is False, (name, container["name"])
            assert context["capabilities"] == {"drop": ["ALL"]}, (name, container["name"])


def test_no_pod_holds_a_credential_of_the_cluster(manifests: Manifests) -> None:
    for name, workload in manifests.workloads().items():
        assert pod(workload)["automountServiceAccountToken"] is False, name
    for name, account in manifests.of("ServiceAccount").items():
        assert account["automountServiceAccountToken"] is False, name


def test_no_services_addresses_are_pushed_into_environments(manifests: Manifests) -> None:
    """A Service whose name begins with ``pulse`` would make variables that the roles refuse as unknown settings."""
    for name, workload in manifests.workloads().items():
        assert pod(workload)["enableServiceLinks"] is False, name


@pytest.mark.parametrize(("role", "port"), GRPC_PORTS.items())
def test_kubernetes_asks_servers_by_grpc(role: str, port: int, kind: Manifests) -> None:
    """Where no certificate is wanted; test_k8s_mutual_tls has the others."""
    (container,) = pod(kind.of("Deployment")[role])["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["grpc"] == {"port": port}, probe


@pytest.mark.parametrize("lane", ["high", "low"])
def test_kubernetes_asks_workers_by_their_ready_file(lane: str, manifests: Manifests) -> None:
    (container,) = pod(manifests.of("Deployment")[f"worker-{lane}"])["containers"]
    assert container["args"] == ["worker", lane]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["exec"]["command"] == ["test", "-s", f"/var/lib/pulse/run/worker-{lane}.ready"], probe
    assert {"name": "home", "mountPath": "/var/lib/pulse"} in container["volumeMounts"]


def test_every_deployment_is_watched_in_all_ways(manifests: Manifests) -> None:
    for name, deployment in manifests.of("Deployment").items():
        (container,) = pod(deployment)["containers"]
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container), name


def test_callers_see_the_pods_behind_a_grpc_service(manifests: Manifests) -> None:
    """gRPC keeps its connections, so one address for all pods would bind each caller to one of them."""
    for role, port in GRPC_PORTS.items():
        service = manifests.of("Service")[role]["spec"]
        assert service["clusterIP"] == "None", role
        assert [each["port"] for each in service["ports"]] == [port], role


def test_no_image_is_a_moving_target(manifests: Manifests) -> None:
    for name, workload in manifests.workloads().items():
        for container in containers(workload):
            _, colon, tag = container["image"].rpartition("/")[2].partition(":")
            assert colon and tag != "latest", (name, container["image"])


@pytest.mark.parametrize("role", SETTINGS)
def test_each_role_understands_every_setting_that_it_is_given(role: str, kind: Manifests) -> None:
    SETTINGS[role].load(kind.environment(role))


def test_production_brings_no_secret_and_asks_for_those_it_needs(production: Manifests) -> None:
    assert not production.of("Secret")
    asked = {name: set(secret_names(pod(workload))) for name, workload in production.workloads().items()}
    certificates = {name for names in asked.values() for name in names if name.startswith("pulse-tls-")}
    assert certificates == {f"pulse-tls-{role}" for role in ROLES if role != "client"}
    providers = {"pulse-providers", "pulse-provider-files"}
    assert {name: names - certificates for name, names in asked.items()} == {
        "migrate": {"pulse-database-owner"},
        "migrate-after": {"pulse-database-owner"},
        "ledger": {"pulse-database"},
        "router": {"pulse-redis", "pulse-broker"},
        "gateway": {"pulse-unsubscribe", "pulse-providers"},
        "delivery": providers,
        "worker-high": providers | {"pulse-broker", "pulse-unsubscribe"},
        "worker-low": providers | {"pulse-broker", "pulse-unsubscribe"},
        "console": {"pulse-console"},
        "envoy": set(),
    }


def test_what_the_release_before_cannot_live_with_is_migrated_only_when_told(production: Manifests) -> None:
    before, after = production.of("Job")["migrate"], production.of("CronJob")["migrate-after"]
    assert after["spec"]["suspend"] is True
    (first,), (second,) = containers(before), containers(after)
    assert (first["args"], second["args"]) == (["migrate", "--before"], ["migrate"])
    assert first | {"args": second["args"]} == second
    assert pod(before) | {"containers": [second]} == pod(after)
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    assert "create job --from=cronjob/migrate-after " in page


def test_where_nothing_served_before_everything_is_migrated_at_once(kind: Manifests) -> None:
    (container,) = containers(kind.of("Job")["migrate"])
    assert container["args"] == ["migrate"]


def test_the_providers_are_one_group(production: Manifests) -> None:
    """Whatever belongs to a provider comes by the one Secret, which the page describes, and none of it otherwise."""
    own = {name.partition("_")[0] for entry in PROVIDERS for name in entry.settings.model_fields}
    own -= {name.partition("_")[0] for name in Settings.model_fields}
    prefixes = [f"PULSE_{each.upper()}_" for each in sorted(own)]
    settings = production.generated("ConfigMap", "settings")["data"]
    assert not [key for key in settings if key.startswith(tuple(prefixes))]
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    (row,) = (line for line in page.splitlines() if line.startswith("| `pulse-providers` |"))
    assert all(prefix in row for prefix in prefixes)


def test_production_turns_authentication_on(production: Manifests) -> None:
    settings = GatewaySettings.load(production.environment("gateway"))
    assert (settings.env, settings.auth) == ("production", "required")


def test_who_verifies_links_to_unsubscribe_has_the_key_of_those_who_sign_them(kind: Manifests) -> None:
    keys = {role: kind.environment(role).get("PULSE_UNSUBSCRIBE_KEY") for role in SETTINGS}
    users = {role for role, key in keys.items() if key}
    assert users == {"gateway", "worker-high", "worker-low"}
    assert len({keys[role] for role in users}) == 1


@pytest.mark.parametrize("role", ["gateway", "router", "ledger", "delivery", "console", "worker-high", "worker-low"])
def test_the_log_level_can_be_changed_while_a_pod_runs(role: str, manifests: Manifests) -> None:
    """Only a mounted folder follows its ConfigMap, and only a map that keeps its name is the one that is mounted."""
    spec = pod(manifests.of("Deployment")[role])
    (container,) = spec["containers"]
    file = Path(SETTINGS[role].load(manifests.environment(role)).log_level_file)
    (mount,) = (each for each in container["volumeMounts"] if each["mountPath"] == str(file.parent))
    assert "subPath" not in mount
    (volume,) = (each for each in spec["volumes"] if each["name"] == mount["name"])
    assert manifests.of("ConfigMap")[volume["configMap"]["name"]]["data"][file.name] == "INFO"


def test_no_secret_stands_in_clear_in_a_pod(manifests: Manifests) -> None:
    words = ("PASSWORD", "TOKEN", "URL", "SECRET", "_KEY")
    for name, workload in manifests.workloads().items():
        for container in containers(workload):
            for variable in container.get("env", []):
                if any(word in variable["name"] for word in words):
                    assert "value" not in variable, (name, variable["name"])
