"""A gateway for the tests of your own program: a real gRPC server in your process, which sends nothing.

>>> from pulse_client import Client
>>> with FakeGateway() as gateway, Client(gateway.address) as pulse:
...     sent = pulse.send(user_id="u1", template="welcome_email", to="ann@example.org", context={"name": "Ann"})
...     gateway.requests[0].context
{'name': 'Ann'}
"""

from __future__ import annotations

from pulse_client.testing.gateway import FakeGateway
from pulse_client.testing.refusals import REASONS
from pulse_client.testing.requests import Received

__all__ = ["REASONS", "FakeGateway", "Received"]
