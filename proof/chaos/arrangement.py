"""Arrangement: which parts a suite is made of, where it is not those of a laptop."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from services.local.plan import Plan
from services.local.roles import Role


class Arrangement:
    """The parts of a laptop as they are; a subclass adds others, or puts them in these ones' place."""

    #: Longest wait for one of the parts to be ready, s.
    ready_s = 40.0

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @classmethod
    def missing(cls) -> str:
        """The program that this needs and that this machine has not got; empty: it can be had."""
        return ""

    def roles(self, roles: Sequence[Role]) -> list[Role]:
        """The suite's roles, made of a laptop's."""
        return list(roles)

    @property
    def database_url(self) -> str:
        """Where whoever judges the suite finds its ledger's rows."""
        return self.plan.database_url()


def told(role: Role, values: Mapping[str, str]) -> Role:
    """The role, with ``values`` in its environment."""
    base = role.environment
    return dataclasses.replace(role, environment=lambda plan: {**base(plan), **values})
