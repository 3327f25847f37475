"""What values of the chart do, and which it does not take."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.packaging.chart import CHART, chart, refusal
from tests.packaging.manifests import Manifests, Object, containers, pod, secret_names, template
from tests.packaging.tools import ROOT

#: Values that nobody knows or that cannot be right, and the words that the refusal has.
REFUSED = {
    "replica.ledger=3": "replica",
    "replicas.ledgr=3": "ledgr",
    "replicas.gateway=3": "gateway",
    "replicas.ledger=two": "/replicas/ledger",
    "replicas.ledger=-1": "/replicas/ledger",
    "autoscaling.workerHigh.maxReplica=3": "maxReplica",
    "autoscaling.worker-high.maxReplicas=3": "worker-high",
    "resources.gateway.request.cpu=1": "request",
    "secrets.databse=db": "databse",
    "secrets.database=": "/secrets/database",
    "mutualTls.enabled=false": "mutualTls",
    "mutualTLS.enable=false": "enable",
    "mutualTLS.enabled=no": "/mutualTLS/enabled",
    "ingress.hosts=a.example.com": "hosts",
    "image.name=pulse": "name",
    "logLevel=VERBOSE": "/logLevel",
    "settings.PULSE_LEDGER_POOL_MAXX=8": "PULSE_LEDGER_POOL_MAXX",
    "settings.PULSE_LEDGER_POOL_MAX=8": "/settings/PULSE_LEDGER_POOL_MAX",
    "settings.PULSE_DATABASE_URL=postgresql://pulse:secret@db/pulse": "PULSE_DATABASE_URL",
    "settings.PULSE_SMTP_HOST=mail.example.com": "PULSE_SMTP_HOST",
    "providers.settings.PULSE_SMPT_HOST=mail.example.com": "PULSE_SMPT_HOST",
    "providers.settings.PULSE_TWILIO_AUTH_TOKEN=secret": "PULSE_TWILIO_AUTH_TOKEN",
    "postgresql.port=70000": "/postgresql/port",
    "images.redis=redis:8": "redis",
    # What would start and not serve.
    "sandbox.enabled=true": "mutualTLS.enabled",
    "mutualTLS.enabled=false": "settings.PULSE_CLEARTEXT",
}
SENDERS = ("delivery", "worker-high", "worker-low")


@pytest.mark.parametrize(("value", "named"), REFUSED.items())
def test_a_value_that_cannot_be_right_is_refused_by_its_name(value: str, named: str) -> None:
    assert named in refusal("--set", value)


@pytest.mark.parametrize(
    "name", ["settings", "providers.settings", "ingress.annotations", "pods", "developmentSecrets"]
)
def test_a_group_with_nothing_in_it_is_as_none(name: str) -> None:
    assert chart("--set", f"{name}=null") == chart()


def deployment(manifests: Manifests, name: str) -> Object:
    return manifests.of("Deployment")[name]


def test_a_secret_of_another_name_is_read_by_everyone_who_read_the_old() -> None:
    old = ("database", "databaseOwner", "redis", "broker", "providers", "providerFiles", "unsubscribe", "console")
    found = chart(*(word for name in old for word in ("--set", f"secrets.{name}=my-{name.lower()}")))
    used = {name for workload in found.workloads().values() for name in secret_names(pod(workload))}
    assert {name for name in used if not name.startswith("pulse-tls-")} == {f"my-{name.lower()}" for name in old}


@pytest.mark.parametrize(
    ("values", "image"),
    [
        (("image.repository=reg.example.org/p",), "reg.example.org/p:0.1.0"),
        (("image.tag=1.2.3",), "registry.example.com/pulse:1.2.3"),
        (("image.digest=sha256:ab", "image.tag=1.2.3"), "registry.example.com/pulse@sha256:ab"),
    ],
)
def test_every_pod_of_pulse_has_the_image(values: tuple[str, ...], image: str) -> None:
    found = chart(*(word for value in values for word in ("--set", value)))
    images = {each["image"] for workload in found.workloads().values() for each in containers(workload)}
    assert images == {image, "envoyproxy/envoy:v1.40.0"}


def test_routers_are_told_how_many_they_are() -> None:
    found = chart("--set", "replicas.router=5")
    assert deployment(found, "router")["spec"]["replicas"] == 5
    assert found.environment("router")["PULSE_ROUTER_REPLICAS"] == "5"


def test_settings_reach_every_role_and_replace_its_pods() -> None:
    before, after = chart(), chart("--set-string", "settings.PULSE_LEDGER_POOL_MAX=12")
    assert after.environment("ledger") == before.environment("ledger") | {"PULSE_LEDGER_POOL_MAX": "12"}
    for name, workload in before.workloads().items():
        reads = any("configMapRef" in source for source in containers(workload)[0].get("envFrom", []))
        if workload["kind"] == "Deployment":
            assert (template(deployment(after, name)) != template(workload)) is reads, name


def test_a_setting_of_the_manifests_can_be_another() -> None:
    found = chart("--set-string", "settings.PULSE_LEAVE_SECONDS=7")
    assert found.environment("gateway")["PULSE_LEAVE_SECONDS"] == "7"


def test_a_log_level_replaces_no_pod() -> None:
    before, after = chart(), chart("--set", "logLevel=DEBUG")
    assert after.of("ConfigMap")["runtime"]["data"] == {"log-level": "DEBUG"}
    assert after.workloads() == before.workloads()


def test_providers_are_told_their_settings_and_the_secret_goes_before_them() -> None:
    found = chart("--set", "providers.settings.PULSE_SMTP_HOST=mail.example.com")
    for role in SENDERS:
        sources = [next(iter(each.values()))["name"] for each in containers(deployment(found, role))[0]["envFrom"]]
        assert sources == ["settings", "providers", "pulse-providers"], role
        assert found.environment(role)["PULSE_SMTP_HOST"] == "mail.example.com"
        assert "checksum/providers" in template(deployment(found, role))["metadata"]["annotations"]
    assert "PULSE_SMTP_HOST" not in found.environment("gateway")


def test_a_job_has_another_name_when_it_is_another_and_only_then() -> None:
    def migrate(*values: str) -> str:
        (name,) = chart(*values).of("Job")
        return name

    names = [migrate(), migrate("--set", "image.tag=v2"), migrate("--set-string", "settings.PULSE_LEAVE_SECONDS=7")]
    assert len(set(names)) == 3
    assert migrate("--set", "replicas.ledger=9") == names[0]


def test_without_autoscalers_there_are_as_many_pods_as_at_the_least() -> None:
    found = chart("--set", "autoscaling.enabled=false", "--set", "autoscaling.gateway.minReplicas=4")
    assert not found.of("HorizontalPodAutoscaler")
    replicas = {role: deployment(found, role)["spec"]["replicas"] for role in ("gateway", "worker-high", "worker-low")}
    assert replicas == {"gateway": 4, "worker-high": 2, "worker-low": 1}


def test_keda_scales_the_workers_also_where_nothing_else_is_scaled() -> None:
    values = ("keda.enabled=true", "autoscaling.enabled=false", "autoscaling.workerHigh.cpu=55")
    found = chart(*(word for value in values for word in ("--set", value)))
    assert not found.of("HorizontalPodAutoscaler")
    assert "replicas" not in deployment(found, "worker-high")["spec"]
    assert deployment(found, "gateway")["spec"]["replicas"] == 2
    assert found.of("ScaledObject")["worker-high"]["spec"]["triggers"][0]["metadata"] == {"value": "55"}


@pytest.mark.parametrize(
    ("bundled", "comes", "goes"),
    [("postgresql", "postgres", "valkey"), ("valkey", "valkey", "postgres")],
)
def test_one_server_can_come_with_the_chart_and_the_other_be_there(bundled: str, comes: str, goes: str) -> None:
    found = chart("--set", f"{bundled}.bundled=true")
    assert comes in found.workloads()
    assert goes not in found.workloads()
    policies = found.of("NetworkPolicy")
    (inside,) = policies[f"to-{comes}"]["spec"]["egress"]
    (outside,) = policies[f"to-{goes}"]["spec"]["egress"]
    assert inside["to"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": comes}}}]
    assert outside["to"] == [{"ipBlock": {"cidr": "10.0.0.0/8"}}]


def test_a_server_may_be_elsewhere_and_at_another_port() -> None:
    peer = '[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"databases"}}}]'
    found = chart("--set-json", f"postgresql.network={peer}", "--set", "postgresql.port=25060")
    (rule,) = found.of("NetworkPolicy")["to-postgres"]["spec"]["egress"]
    assert rule["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "databases"}}}]
    assert rule["ports"] == [{"port": 25060}]


def test_where_a_mesh_encrypts_there_are_no_certificates() -> None:
    found = chart("--set", "mutualTLS.enabled=false", "--set", "settings.PULSE_CLEARTEXT=allowed")
    assert not found.of("Certificate", "Issuer")
    assert "PULSE_TLS_CERT_FILE" not in found.environment("ledger")


def test_what_is_switched_off_is_not_there() -> None:
    found = chart("--set", "networkPolicies.enabled=false", "--set", "ingress.enabled=false")
    assert not found.of("NetworkPolicy", "Ingress")


def test_pods_are_told_where_they_may_run_and_how_they_are_pulled() -> None:
    pods = '{"imagePullSecrets":[{"name":"reg"}],"nodeSelector":{"pool":"a"},"tolerations":[{"key":"k"}]}'
    found = chart("--set-json", f"pods={pods}")
    for name, workload in found.workloads().items():
        spec = pod(workload)
        told = (spec["imagePullSecrets"], spec["nodeSelector"], spec["tolerations"])
        assert told == ([{"name": "reg"}], {"pool": "a"}, [{"key": "k"}]), name


def test_the_edge_is_told_which_pages_may_call_and_what_it_traces() -> None:
    origins = "https://a.example.com\\,https://b.example.com"
    found = chart("--set", f"edge.corsOrigins={origins}", "--set-string", "edge.traceRatio=0.5")
    (init,) = pod(deployment(found, "envoy"))["initContainers"]
    assert init["command"][3:] == ["TRACE_RATIO=0.5", "CORS_ORIGINS=https://a.example.com,https://b.example.com"]


def test_an_ingress_has_its_host_class_and_annotations() -> None:
    values = ("ingress.host=p.example.org", "ingress.className=nginx", "ingress.annotations.a/b=c", "secrets.ingress=t")
    (ingress,) = chart(*(word for value in values for word in ("--set", value))).of("Ingress").values()
    assert ingress["metadata"]["annotations"] == {"a/b": "c"}
    spec = ingress["spec"]
    assert (spec["ingressClassName"], spec["rules"][0]["host"]) == ("nginx", "p.example.org")
    assert spec["tls"] == [{"hosts": ["p.example.org"], "secretName": "t"}]


def test_every_object_is_in_the_releases_namespace() -> None:
    found = chart("--namespace", "elsewhere", "--values", "options-values.yaml")
    assert {each["metadata"]["namespace"] for each in found.objects} == {"elsewhere"}


def test_the_page_shows_values_that_are_taken(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    file = tmp_path / "values.yaml"
    file.write_text(page.partition("cat > values.yaml <<'END'\n")[2].partition("END\n")[0])
    found = chart("--values", str(file))
    assert found.environment("worker-low")["PULSE_SMTP_HOST"] == "mail.example.com"
    assert "my-database" in secret_names(pod(deployment(found, "ledger")))


def test_the_page_names_every_group_of_values() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text().partition("## By Helm")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    known = yaml.safe_load((CHART / "values.yaml").read_text())
    assert [name for name in known if not any(f"`{name}`" in row for row in rows)] == []
