"""What the API server says of the manifests before anything runs, and of a pod that must not run."""

from __future__ import annotations

import json

from proof.kubernetes import callers, overlays
from proof.kubernetes.commands import Failed
from proof.kubernetes.kubectl import Kubectl
from services.local.home import checkout

#: What a pod may not have, by the words in which Pod Security says so.
UNRESTRICTED = {
    "privileged": {"privileged": True, "allowPrivilegeEscalation": True},
    "allowPrivilegeEscalation": {"allowPrivilegeEscalation": True},
    "unrestricted capabilities": {"capabilities": {"add": ["NET_ADMIN"]}},
    "runAsNonRoot": {"runAsNonRoot": False},
    "runAsUser=0": {"runAsUser": 0},
    "seccompProfile": {"seccompProfile": {"type": "Unconfined"}},
}


def dry_run(kubectl: Kubectl) -> str:
    """Every object of both overlays is as the API server wants it; kinds that are an operator's are named."""
    known = set(kubectl.run("api-resources", "--no-headers", "--output=wide").split())
    told = []
    for overlay in ("kind", "production"):
        objects = overlays.render(checkout(), overlay)
        ours = [each for each in objects if each["kind"] in known]
        options = ("--server-side", "--dry-run=server", "--validate=strict", "--warnings-as-errors")
        accepted = len(kubectl.apply(ours, *options).splitlines())
        if accepted != len(ours):
            raise Failed(f"{overlay}: {accepted} of {len(ours)} objects were accepted")
        lacking = sorted({f"{each['kind']} ({each['apiVersion']})" for each in objects if each["kind"] not in known})
        told.append(f"{overlay}: {accepted} objects accepted, CRDs that are not here: {', '.join(lacking) or 'none'}")
    return "; ".join(told)


def pod_security(kubectl: Kubectl) -> str:
    """Pods that are not restricted are refused in Pulse's namespace, and none that is there would be."""
    for reason, change in UNRESTRICTED.items():
        pod = callers.pod("unwanted", kubectl.namespace, {})
        pod["spec"]["containers"][0]["securityContext"] |= change
        said = kubectl.refusal("apply", "--filename=-", stdin=json.dumps(pod))
        if "violates PodSecurity" not in said or reason not in said:
            raise Failed(f"{reason}: {said}")
    level = "pod-security.kubernetes.io/enforce=restricted"
    again = ("--overwrite", "--dry-run=server", "--warnings-as-errors")
    kubectl.run("label", "namespace", kubectl.namespace, level, *again)
    return f"{len(UNRESTRICTED)} pods refused, for {', '.join(UNRESTRICTED)}"
