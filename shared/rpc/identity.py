"""What roles are called in certificates, so that both ends of a call know who the other is.

A role's certificate names it ``<role>.pulse.internal``, as a DNS name: gRPC and Envoy check such a name by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

DOMAIN = ".pulse.internal"

#: Every role that shows a certificate. ``edge`` is Envoy; ``client`` is a program that calls the gateway past the edge.
ROLES = ("gateway", "router", "ledger", "delivery", "worker", "console", "edge", "client")

#: The names in a peer's certificate, in gRPC's authentication context.
_NAMES = "x509_subject_alternative_name"


def name_of(role: str) -> str:
    """The name in the role's certificate."""
    return role + DOMAIN


def role_of(authentication: Mapping[str, Iterable[bytes]]) -> str:
    """The role that a checked certificate names; empty if it names none."""
    for name in authentication.get(_NAMES, ()):
        text = name.decode("ascii", "replace")
        if text.endswith(DOMAIN):
            return text.removesuffix(DOMAIN)
    return ""
