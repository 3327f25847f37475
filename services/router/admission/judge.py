"""The judge: applies all rules to the submissions of one batch."""

from __future__ import annotations

import datetime as dt

from pulse.router.v1.router_service_pb2 import Submission
from services.router import wire
from services.router.admission.candidates import Candidate, Case, MaxAttempts
from services.router.rules.applicable_limits import LimitMatcher
from services.router.rules.provider_rates import ProviderRates
from services.router.rules.quota import ApplicableLimits
from services.router.rules.routes import Routes
from services.router.rules.rulings import Facts, Ruling, rule


class Judge:
    """Knows the rules of the moment ``now``; submissions that differ in nothing that they look at share a case."""

    def __init__(
        self,
        routes: Routes,
        limits: LimitMatcher,
        rates: ProviderRates,
        max_attempts: MaxAttempts,
        now: dt.datetime,
    ) -> None:
        self._routes = routes
        self._limits = limits
        self._rates = rates
        self._max_attempts = max_attempts
        self._now = now
        self._plain: dict[object, Case] = {}
        self._rulings: dict[Facts, Ruling] = {}
        self._cases: dict[tuple[Ruling, ApplicableLimits], Case] = {}

    def candidate(self, submission: Submission) -> Candidate:
        """What the rules say; raises :class:`shared.errors.PulseError` if they do not let it pass."""
        asked = submission.asked
        if asked.fallbacks or asked.HasField("send_at") or asked.HasField("copies"):
            return Candidate(submission, self._case(submission))
        # Most are alike in all that is looked at here, which one look-up tells.
        priorities = submission.requested_priority, submission.template_priority
        alike = (submission.tenant_id, asked.template_name, asked.channel, not asked.to, priorities)
        case = self._plain.get(alike)
        if case is None:
            case = self._case(submission)
            if not case.priced and not self._routes[case.channels[0]].weights:
                self._plain[alike] = case
        return Candidate(submission, case)

    def _case(self, submission: Submission) -> Case:
        addresses = wire.addresses(submission)
        facts = wire.facts(submission, addresses, self._routes)
        ruling = self._rulings.get(facts)
        if ruling is None:
            ruling = self._rulings[facts] = rule(facts, self._routes, self._rates, self._now)
        template, segments = submission.asked.template_name, submission.sms_size.segments or 1
        copies = (*submission.asked.copies.cc, *submission.asked.copies.bcc)
        applicable = self._limits.applicable(submission.tenant_id, template, addresses, segments, copies)
        case = self._cases.get((ruling, applicable))
        if case is None:
            most = self._max_attempts.of(facts.channels)
            case = self._cases[ruling, applicable] = Case(facts.channels, ruling, applicable, most)
        return case
