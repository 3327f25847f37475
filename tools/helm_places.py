"""Puts values, and what Helm wants of every object, into the places of one object's tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from helm_tree import Either, Insert, Raw, When, none_of
from helm_values import Value, camel, pod
from helm_values_table import SCALED, SECRETS, every

Path = tuple[str, ...]

_IMAGE = Raw('{{ include "pulse.image" . | quote }}')
_PULSE = ("pulse", "registry.example.com/pulse")
#: Names of the gateway's Service as other namespaces say them.
_OF_NAMESPACE = ("gateway.pulse", "gateway.pulse.svc")
#: The one ConfigMap whose new content reaches the pods without a restart.
_FOLLOWED = "runtime"
#: Kinds that have pods.
WORKLOADS = ("Deployment", "StatefulSet", "Job", "CronJob")
#: Values and their places, by object.
_BY_PLACE: dict[str, list[tuple[str, Value]]] = {}
for _value in every():
    for _key, _path in _value.places:
        _BY_PLACE.setdefault(_key, []).append((_path, _value))


def placed(key: str, tree: Any, *, ours: bool = True) -> Any:
    """The tree with values in their places; ``ours`` is false for one whose places are those of another object."""
    if isinstance(tree, When):
        return When(tree.condition, placed(key, tree.value, ours=ours))
    kind = key.partition("/")[0]
    tree = _mapped(tree, _known)
    for path, value in _BY_PLACE.get(key, []) if ours else []:
        _put(tree, path, lambda _, written=value.written: written)
    _put(
        tree,
        "metadata/labels",
        lambda labels: labels | {"+": Insert('{{- include "pulse.labels" . | nindent {indent} }}')},
    )
    if kind in WORKLOADS:
        _workload(key, tree)
    if special := _SPECIAL.get(key):
        special(tree)
    return tree


def _mapped(tree: Any, change: Callable[[Path, Any], Any], path: Path = ()) -> Any:
    """A copy of the tree with every scalar as ``change`` makes it."""
    if isinstance(tree, dict):
        return {key: _mapped(value, change, (*path, key)) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_mapped(value, change, path) for value in tree]
    if isinstance(tree, When):
        return When(tree.condition, _mapped(tree.value, change, path))
    if isinstance(tree, Either):
        return Either(tree.condition, _mapped(tree.then, change, path), _mapped(tree.otherwise, change, path))
    return change(path, tree)


def _known(path: Path, value: Any) -> Any:
    """What stands for the same thing wherever it is found."""
    if path == ("metadata", "namespace"):
        return Raw("{{ .Release.Namespace }}")
    if path[-1] == "image" and value.partition(":")[0] in _PULSE:
        return _IMAGE
    if value in SECRETS and (
        path[-1] == "secretName" or path[-2:] in (("secretKeyRef", "name"), ("secretRef", "name"))
    ):
        return Raw(f"{{{{ .Values.secrets.{SECRETS[value][0]} | quote }}}}")
    return value


def _put(tree: Any, path: str, change: Callable[[Any], Any]) -> None:
    """Changes what stands at the path; an entry that is there under a condition stays under it."""
    *before, last = path.split("/")
    for step in before:
        tree = tree[int(step)] if isinstance(tree, list) else tree[step]
        tree = tree.value if isinstance(tree, When) else tree
    where: Any = int(last) if isinstance(tree, list) else last
    old = tree[where]
    tree[where] = When(old.condition, change(old.value)) if isinstance(old, When) else change(old)


def _workload(key: str, tree: Any) -> None:
    """What every pod may be told, and a restart when what it has read changes."""
    _put(tree, pod(key), lambda spec: spec | {"+": Insert('{{- include "pulse.pod" . | nindent {indent} }}')})
    sums = {
        f"checksum/{name}": Raw(f'{{{{ include "pulse.map.{name}" . | sha256sum }}}}')
        for name in sorted(_maps(tree))
        if name != _FOLLOWED
    }
    if sums:
        template = pod(key).removesuffix("/spec")
        _put(tree, f"{template}/metadata", lambda metadata: {"annotations": sums, **metadata})


def _maps(tree: Any) -> set[str]:
    """The ConfigMaps that are referred to."""
    found: set[str] = set()

    def look(path: Path, value: Any) -> Any:
        if path[-2:] in (("configMapRef", "name"), ("configMap", "name")):
            found.add(value)
        return value

    _mapped(tree, look)
    return found


def _scaled(role: str) -> Callable[[Any], None]:
    """Without an autoscaler there are as many pods as there would be at the least."""
    least = f"replicas: {{{{ .Values.autoscaling.{camel(role)}.minReplicas }}}}"
    by = [".Values.autoscaling.enabled", *([".Values.keda.enabled"] if role.startswith("worker-") else [])]
    lines = f"{{{{- if {none_of(*by)} }}}}\n{least}\n{{{{- end }}}}"
    return lambda tree: _put(tree, "spec", lambda spec: {"+": Insert(lines), **spec})


def _sender(role: str) -> Callable[[Any], None]:
    """Settings of providers that are no secret come before the Secret, which goes before them."""
    lines = "{{- if .Values.providers.settings }}\n- configMapRef:\n    name: providers\n{{- end }}"
    path = "spec/template/spec/containers/0/envFrom"
    checksum = """{{- if .Values.providers.settings }}
checksum/providers: {{ include "pulse.map.providers" . | sha256sum }}
{{- end }}"""

    def change(tree: Any) -> None:
        _put(tree, path, lambda sources: [sources[0], Insert(lines), *sources[1:]])
        _put(tree, "spec/template/metadata/annotations", lambda sums: {**sums, "+": Insert(checksum)})
        if scaled := _SCALED.get(role):
            scaled(tree)

    return change


def _gateway(tree: Any) -> None:
    """Pulse's own address is one of the settings of providers that are no secret, or stands in their Secret."""
    value = "(.Values.providers.settings).PULSE_PUBLIC_URL"
    lines = f"{{{{- if {value} }}}}\n- name: PULSE_PUBLIC_URL\n  value: {{{{ {value} | quote }}}}\n{{{{- else }}}}"

    def change(env: list[Any]) -> list[Any]:
        (address,) = (one for one in env if one["name"] == "PULSE_PUBLIC_URL")
        others = [one for one in env if one is not address]
        return [*others, Insert(lines), address, Insert("{{- end }}")]

    _put(tree, "spec/template/spec/containers/0/env", change)
    _SCALED["gateway"](tree)


def _envoy(tree: Any) -> None:
    """What the program that writes Envoy's configuration is told besides."""
    told = [
        Insert(f'{{{{- with .Values.edge.{value} }}}}\n- {{{{ printf "{name}=%s" . | quote }}}}\n{{{{- end }}}}')
        for name, value in (("TRACE_RATIO", "traceRatio"), ("CORS_ORIGINS", "corsOrigins"))
    ]
    _put(tree, "spec/template/spec/initContainers/0/command", lambda command: [*command, *told])


def _ingress(tree: Any) -> None:
    lines = "{{- with .Values.ingress.className }}\ningressClassName: {{ . | quote }}\n{{- end }}"
    _put(tree, "spec", lambda spec: {"+": Insert(lines), **spec})
    lines = "{{- with .Values.ingress.annotations }}\nannotations:\n  {{- toYaml . | nindent 4 }}\n{{- end }}"
    _put(tree, "metadata", lambda metadata: {"+": Insert(lines), **metadata})


def _gateway_certificate(tree: Any) -> None:
    """Its Service's names are those of the namespace that it is in."""
    names = tree["spec"]["dnsNames"]
    tree["spec"]["dnsNames"] = [
        Raw(each.replace("gateway.pulse", "gateway.{{ .Release.Namespace }}")) if each in _OF_NAMESPACE else each
        for each in names
    ]


def _router(tree: Any) -> None:
    (told,) = (each for each in _container(tree)["env"] if each["name"] == "PULSE_ROUTER_REPLICAS")
    told["value"] = Raw("{{ .Values.replicas.router | quote }}")


def _container(tree: Any) -> Any:
    """The pod's first."""
    return tree["spec"]["template"]["spec"]["containers"][0]


def _migrate(tree: Any) -> None:
    args = _container(tree)["args"]
    args[args.index("--before")] = When(none_of(".Values.migrateAtOnce"), "--before")


def _keda(role: str) -> Callable[[Any], None]:
    goal = Raw(f"{{{{ .Values.autoscaling.{camel(role)}.cpu | quote }}}}")
    return lambda tree: _put(tree, "spec/triggers/0/metadata/value", lambda _: goal)


_SCALED = {role: _scaled(role) for role in SCALED}
#: What is done to one object alone.
_SPECIAL: dict[str, Callable[[Any], None]] = {
    "Ingress/pulse": _ingress,
    "Job/migrate": _migrate,
    "Certificate/pulse-gateway": _gateway_certificate,
    "Deployment/gateway": _gateway,
    "Deployment/router": _router,
    "Deployment/envoy": _envoy,
    **{f"Deployment/{role}": _sender(role) for role in ("delivery", "worker-high", "worker-low")},
    **{f"ScaledObject/{role}": _keda(role) for role in ("worker-high", "worker-low")},
}
