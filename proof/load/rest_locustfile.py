"""The scenario over REST with the checks that decide on the exit status; ``locustfile.py`` needs Locust alone."""

from __future__ import annotations

import locust_plugins  # noqa: F401 -- brings the checks

from proof.load.locustfile import Caller

__all__ = ["Caller"]
