"""All that can be connected to PostgreSQL at once fits into what docs/scaling.md says that it must let in."""

from __future__ import annotations

import re

import pytest

from services.ledger.config import LedgerSettings
from tests.ledger.test_connections import OF_MIGRATE
from tests.packaging.manifests import Manifests, containers
from tests.packaging.network import outgoing
from tests.packaging.tools import ROOT

#: The table of the page: who, how many of them, connections of each, connections.
ROWS = re.findall(
    r"^\| (.+?) \|\s*(\d*)\s*\|\s*(\d*)\s*\| \**(\d+)\** \|$",
    (ROOT / "docs" / "scaling.md").read_text().partition("### In Kubernetes")[2].partition("\n## ")[0],
    flags=re.MULTILINE,
)
#: PostgreSQL's own: connections that it comes with, and of these those that only its superuser gets.
AS_IT_COMES, OF_SUPERUSER = 100, 3


def row(name: str) -> tuple[int, int, int]:
    """Of the row that matches: how many, connections of each, connections; 0 where nothing stands."""
    ((_, *numbers),) = (each for each in ROWS if re.match(name, each[0]))
    many, each, together = (int(number or 0) for number in numbers)
    return many, each, together


def ledger_settings(manifests: Manifests) -> LedgerSettings:
    return LedgerSettings.load(manifests.environment("ledger"))


def most_pods(manifests: Manifests, role: str) -> int:
    """As many as an autoscaler may make, or else as are asked for."""
    scalers = [*manifests.of("HorizontalPodAutoscaler").values(), *manifests.of("ScaledObject").values()]
    for spec in (scaler["spec"] for scaler in scalers):
        if spec["scaleTargetRef"]["name"] == role:
            return int(spec.get("maxReplicas") or spec["maxReplicaCount"])
    return int(manifests.of("Deployment")[role]["spec"].get("replicas", 1))


def connected(manifests: Manifests) -> dict[str, int]:
    """Roles that the network lets through to PostgreSQL, and how many connections all their pods hold at the most."""
    each = {
        "ledger": 2 * ledger_settings(manifests).connections,  # a rollout has two pods for one
        "migrate": OF_MIGRATE,
        "migrate-after": 0,  # after the rollout, when `migrate` is over
    }
    reaching = {own for own, _, port in outgoing(manifests) if port == 5432}
    pods = {role: most_pods(manifests, role) if role in manifests.of("Deployment") else 1 for role in reaching}
    return {role: count * each[role] for role, count in pods.items()}


def test_nobody_but_the_ledger_and_its_migrations_reaches_postgresql(manifests: Manifests) -> None:
    assert set(connected(manifests)) == {"ledger", "migrate", "migrate-after"}


def test_all_fit_at_the_most_pods_that_there_can_be(manifests: Manifests) -> None:
    kept = ledger_settings(manifests).connections_kept + 1 + row("you")[2] + OF_SUPERUSER
    assert sum(connected(manifests).values()) + kept <= row(r"\*\*`max_connections`")[2]


def test_the_page_says_how_the_number_comes_about(production: Manifests) -> None:
    settings = ledger_settings(production)
    ledgers = most_pods(production, "ledger")
    own = (ledgers, settings.connections, ledgers * settings.connections)
    assert row("ledgers$") == row("ledgers that") == own
    assert row("`migrate`") == (1, OF_MIGRATE, OF_MIGRATE)
    kept = settings.connections_kept + 1
    assert row("`python -m services.ledger.maintain`") == (1, kept, kept)
    assert row("kept by PostgreSQL")[2] == OF_SUPERUSER
    assert row(r"\*\*`max_connections`")[2] == AS_IT_COMES
    assert sum(int(together) for *_, together in ROWS[:-1]) == AS_IT_COMES


def test_a_throw_away_cluster_lets_in_as_many_as_postgresql_comes_with(kind: Manifests) -> None:
    (server,) = containers(kind.of("StatefulSet")["postgres"])
    assert not [word for word in server["args"] if word.startswith("max_connections")]


@pytest.mark.parametrize("name", ["base/kustomization.yaml", "base/ledger.yaml"])
def test_what_the_manifests_say_of_it_is_right(name: str, production: Manifests) -> None:
    """Their comments have the same numbers."""
    text = (ROOT / "deploy" / "k8s" / name).read_text()
    numbers = {"base/kustomization.yaml": AS_IT_COMES, "base/ledger.yaml": ledger_settings(production).connections}
    assert f"{numbers[name]} connections" in text
