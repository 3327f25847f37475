"""The attacks, by name. Each is called with a scene, says when it is at work, and goes on until it is cancelled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from tests.isolation.attacks import (
    at_the_door,
    by_cancels,
    by_floods,
    by_keys,
    by_providers,
    by_reads,
    by_streams,
    by_templates,
)
from tests.isolation.scene import Scene

ATTACKS: Mapping[str, Callable[[Scene], Awaitable[None]]] = {
    "drafts": by_templates.drafts,
    "heavy-texts": by_templates.heavy_texts,
    "digests": by_floods.digests,
    "flood": by_floods.flood,
    "large-batches": by_floods.large_batches,
    "cancels": by_cancels.cancels,
    "watches": by_streams.watches,
    "health-watches": by_streams.health_watches,
    "bodies": at_the_door.bodies,
    "unfinished": at_the_door.unfinished,
    "lists": by_reads.lists,
    "keys": by_keys.keys,
    "providers": by_providers.providers,
    "mail-servers": by_providers.mail_servers,
}
