"""How Envoy calls gRPC services: in the clear, or by mutual TLS as the role ``edge``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shared.rpc.identity import name_of

_EXTENSIONS = "type.googleapis.com/envoy.extensions.transport_sockets"


def transport(secrets: Path | None, role: str) -> dict[str, Any]:
    """The transport socket of a cluster that is ``role``; ``secrets`` is the folder of :func:`write_secrets`."""
    if secrets is None:
        return {
            "name": "envoy.transport_sockets.raw_buffer",
            "typed_config": {"@type": f"{_EXTENSIONS}.raw_buffer.v3.RawBuffer"},
        }
    # Whoever answers must be the role that is meant, wherever it answers.
    meant = {"san_type": "DNS", "matcher": {"exact": name_of(role)}}
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_EXTENSIONS}.tls.v3.UpstreamTlsContext",
            "sni": name_of(role),
            "common_tls_context": {
                "alpn_protocols": ["h2"],
                "tls_certificate_sds_secret_configs": [_secret(secrets, "certificate")],
                "combined_validation_context": {
                    "default_validation_context": {"match_typed_subject_alt_names": [meant]},
                    "validation_context_sds_secret_config": _secret(secrets, "authorities"),
                },
            },
        },
    }


def write_secrets(target: Path, certificates: Path) -> None:
    """Files that tell Envoy where ``tls.crt``, ``tls.key`` and ``ca.crt`` stand, and to follow their renewal."""
    watched = {"watched_directory": {"path": str(certificates)}}
    certificate = {
        "certificate_chain": {"filename": str(certificates / "tls.crt")},
        "private_key": {"filename": str(certificates / "tls.key")},
        **watched,
    }
    authorities = {"trusted_ca": {"filename": str(certificates / "ca.crt")}, **watched}
    _write(target, "certificate", {"tls_certificate": certificate})
    _write(target, "authorities", {"validation_context": authorities})


def _secret(secrets: Path, name: str) -> dict[str, Any]:
    return {"name": name, "sds_config": {"path_config_source": {"path": str(secrets / f"{name}.json")}}}


def _write(target: Path, name: str, content: dict[str, Any]) -> None:
    secret = {"@type": f"{_EXTENSIONS}.tls.v3.Secret", "name": name, **content}
    (target / f"{name}.json").write_text(json.dumps({"resources": [secret]}))
