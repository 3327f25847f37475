"""Makes the Helm chart, deploy/helm/pulse, out of deploy/k8s, so that a change there cannot be forgotten here.

Usage: helm_chart.py [--check]     (--check changes nothing and fails if a file of the chart is not current)

Kustomize renders the overlays with each of their components alone; what a component changes stands in the templates
under the value that switches it on. Numbers, images and names that somebody may want to set become values, whose
defaults are what the manifests have. Written by hand are `_helpers.tpl` and the other templates without the first line
that those made here have.
"""

from __future__ import annotations

import sys
import tomllib
from typing import Any

import helm_chart_files
import helm_schema
from helm_manifests import ROOT, Objects, objects
from helm_places import WORKLOADS, placed
from helm_tree import Insert, Raw, When, all_of, merge, none_of
from helm_yaml import written

CHART = ROOT / "deploy" / "helm" / "pulse"
TEMPLATES = CHART / "templates"
HEAD = "{{- /* Made by tools/helm_chart.py out of deploy/k8s; change it there. */ -}}\n"

#: Components, by the value that switches each on.
OPTIONS = {
    "mutual-tls": ".Values.mutualTLS.enabled",
    "monitoring": ".Values.monitoring.enabled",
    "keda": ".Values.keda.enabled",
    "tracing": ".Values.tracing.enabled",
    "flower": ".Values.flower.enabled",
}
POSTGRES, VALKEY, SANDBOX = (f".Values.{name}" for name in ("postgresql.bundled", "valkey.bundled", "sandbox.enabled"))
#: What the production overlay adds to the base, and where it is wanted.
OUTSIDE = {
    "Ingress/pulse": ".Values.ingress.enabled",
    "NetworkPolicy/to-postgres": none_of(POSTGRES),
    "NetworkPolicy/to-valkey": none_of(VALKEY),
    "NetworkPolicy/to-providers": none_of(SANDBOX),
}
#: A whole kind that can be switched off.
KINDS = {"NetworkPolicy": ".Values.networkPolicies.enabled", "HorizontalPodAutoscaler": ".Values.autoscaling.enabled"}
#: Files of objects that have no workload's name; what has one is in that workload's file.
FILES = {
    "NetworkPolicy": "network",
    "Issuer": "certificates",
    "Certificate": "certificates",
    "PodMonitor": "monitoring",
    "PrometheusRule": "monitoring",
    "Ingress": "ingress",
}
#: Made by whoever installs (docs/kubernetes.md): a release cannot hold the namespace that it is stored in, and the
#: Secrets of a cluster to throw away are values.
NOT_OF_THE_CHART = ("Namespace", "Secret")

Tree = dict[str, Any]


def trees() -> list[tuple[str, str, Tree]]:
    """All objects of the chart: key, the condition under which it is there (empty: always), and what it is."""
    base = objects("base")
    production = _merged("overlays/production", (), OPTIONS)
    kind = _merged("overlays/kind", ("restricted",), {name: OPTIONS[name] for name in ("tracing", "flower")})
    inside = {key: tree for key, tree in kind.items() if key not in production or key in OUTSIDE}
    if unknown := [k for k, tree in production.items() if not isinstance(tree, When) and k not in {*base, *OUTSIDE}]:
        raise SystemExit(f"new in overlays/production; helm_chart.py has to say when they are wanted: {unknown}")
    found = [(key, OUTSIDE.get(key, ""), placed(key, tree)) for key, tree in production.items()]
    found += [(key, _bundle(key), placed(key, tree, ours=key not in OUTSIDE)) for key, tree in inside.items()]
    return [_condition(*each) for each in found if each[0].partition("/")[0] not in NOT_OF_THE_CHART]


def _merged(folder: str, components: tuple[str, ...], options: dict[str, str]) -> dict[str, Any]:
    variants = {value: objects(folder, (*components, name)) for name, value in options.items()}
    return dict(merge(objects(folder, components), variants))


def _bundle(key: str) -> str:
    """The value that brings an object of the throw-away overlay."""
    return next((value for word, value in (("postgres", POSTGRES), ("valkey", VALKEY)) if word in key), SANDBOX)


def _condition(key: str, condition: str, tree: Any) -> tuple[str, str, Tree]:
    """All that must hold for the object to be there."""
    conditions = [each for each in (KINDS.get(key.partition("/")[0]), condition) if each]
    if isinstance(tree, When):
        conditions.append(tree.condition)
        tree = tree.value
    return key, all_of(*conditions) if conditions else "", tree


def templates() -> dict[str, str]:
    """The text of each template that is made, by its file's name."""
    files: dict[str, str] = {}
    found = trees()
    roles = {key.partition("/")[2] for key, _, _ in found if key.startswith(WORKLOADS)}
    for key, condition, tree in found:
        kind, _, name = key.partition("/")
        file = f"{name if name in roles else FILES.get(kind, name)}.yaml"
        defined, text = _SPECIAL.get(kind, _plain)(name, tree)
        text = f"---\n{text}"
        if condition:
            text = f"{{{{- if {condition} }}}}\n{text}{{{{- end }}}}\n"
        files[file] = files.get(file, HEAD) + defined + text
    return files


def _plain(_: str, tree: Tree) -> tuple[str, str]:
    """The definitions that an object needs, and itself."""
    return "", written(tree)


def _map(name: str, tree: Tree) -> tuple[str, str]:
    """What is in a ConfigMap has a name, by which its users are replaced when it changes.

    Over the settings of the manifests go those of the values: `_helpers.tpl`.
    """
    made = "settings.made" if name == "settings" else f"map.{name}"
    lines = Insert(f'{{{{- include "pulse.map.{name}" . | nindent {{indent}} }}}}')
    return _define(made, tree["data"]), written(tree | {"data": {"+": lines}})


def _job(name: str, tree: Tree) -> tuple[str, str]:
    """A Job cannot be changed: where it would be, there is another with another name."""
    spec = f"job.{name}"
    tree["metadata"]["name"] = Raw(f'{name}-{{{{ include "pulse.{spec}" . | sha256sum | trunc 10 }}}}')
    lines = Insert(f'spec:\n  {{{{- include "pulse.{spec}" . | nindent 2 }}}}')
    entries = {key: lines if key == "spec" else value for key, value in tree.items()}
    return _define(spec, tree["spec"]), written(entries)


def _define(name: str, tree: Tree) -> str:
    return f'{{{{- define "pulse.{name}" }}}}\n{written(tree)}{{{{- end }}}}\n'


#: Kinds that are not written as they are.
_SPECIAL = {"Job": _job, "ConfigMap": _map}


def files() -> dict[str, str]:
    """Everything that is made, by its path in the chart."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    kind = objects("overlays/kind")
    defaults: Objects = dict(kind)
    settings: dict[str, str] = {}
    for name in reversed(OPTIONS):
        option = objects("overlays/production", (name,))
        defaults |= option
        settings |= option["ConfigMap/settings"]["data"]
    return {
        "Chart.yaml": helm_chart_files.about(version),
        "values.yaml": helm_chart_files.values(defaults),
        "values.schema.json": helm_schema.schema(),
        "ci/kind-values.yaml": helm_chart_files.of_kind(kind, defaults, settings),
        **{f"templates/{name}": text for name, text in templates().items()},
    }


def main() -> None:
    """See the module."""
    made = files()
    old = {f"templates/{path.name}" for path in TEMPLATES.glob("*.yaml") if path.read_text().startswith(HEAD)}
    stale = sorted(old - set(made))
    changed = sorted(
        name for name, text in made.items() if not (CHART / name).exists() or (CHART / name).read_text() != text
    )
    if "--check" in sys.argv:
        if stale or changed:
            sys.exit(f"not current, run `make helm`: {', '.join(changed + stale)}")
        return
    for name in stale:
        (CHART / name).unlink()
    for name in changed:
        (CHART / name).parent.mkdir(parents=True, exist_ok=True)
        (CHART / name).write_text(made[name])
        sys.stdout.write(f"deploy/helm/pulse/{name}\n")


if __name__ == "__main__":
    main()
