"""Refs: how a notification is named between services; what goes through the broker is nothing more."""

from __future__ import annotations

from collections.abc import Mapping

#: Tenant id, notification id.
Ref = tuple[str, str]
#: Notification id to the ``traceparent`` of what waits for it.
Traces = Mapping[str, str]
