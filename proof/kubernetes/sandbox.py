"""What the sandbox has received, read through the API server, which Pulse's policies do not concern."""

from __future__ import annotations

import json
from collections import Counter

from proof.kubernetes.kubectl import Kubectl

_RECEIPTS = "/api/v1/namespaces/pulse/services/sandbox:http/proxy/api/receipts"


def receipts(kubectl: Kubectl, channel: str = "") -> Counter[str]:
    """How often, by the notification's id; of one channel if it is given."""
    found: Counter[str] = Counter()
    after: str | None = ""
    while after is not None:
        query = "".join(f"&{key}={value}" for key, value in (("channel", channel), ("after", after)) if value)
        page = json.loads(kubectl.run("get", f"--raw={_RECEIPTS}?limit=5000{query}"))
        found.update(each["notification_id"] for each in page["receipts"])
        after = page["next"]
    return found
