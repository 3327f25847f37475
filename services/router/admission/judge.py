"""The judge: applies all rules to the submissions of one batch."""

from __future__ import annotations

import datetime as dt

from pulse.router.v1.router_service_pb2 import Submission
from services.router import wire
from services.router.admission.planning import Candidate
from services.router.rules.applicable_limits import LimitMatcher
from services.router.rules.provider_rates import ProviderRates
from services.router.rules.routes import Routes
from services.router.rules.rulings import Facts, Ruling, rule


class Judge:
    """Knows the rules of the moment ``now``; submissions that differ in nothing that they look at share a ruling."""

    def __init__(self, routes: Routes, limits: LimitMatcher, rates: ProviderRates, now: dt.datetime) -> None:
        self._routes = routes
        self._limits = limits
        self._rates = rates
        self._now = now
        self._rulings: dict[Facts, Ruling] = {}

    def candidate(self, submission: Submission) -> Candidate:
        """What the rules say; raises :class:`shared.errors.PulseError` if they do not let it pass."""
        addresses = wire.addresses(submission)
        facts = wire.facts(submission, addresses, self._routes)
        ruling = self._rulings.get(facts) or self._rulings.setdefault(facts, self._rule(facts))
        applicable = self._limits.applicable(submission.tenant_id, submission.asked.template_name, addresses)
        return Candidate(submission, facts.channels, ruling, applicable)

    def _rule(self, facts: Facts) -> Ruling:
        return rule(facts, self._routes, self._rates, self._now)
