"""What the sandbox has received, asked in its own pod, wherever that is: Pulse's policies let in no other who asks."""

from __future__ import annotations

import json
from collections import Counter

from proof.kubernetes.kubectl import Kubectl

_RECEIPTS = "http://127.0.0.1:8025/api/receipts"

_GET = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode())"


def receipts(kubectl: Kubectl, channel: str = "") -> Counter[str]:
    """How often, by the notification's id; of one channel if it is given."""
    found: Counter[str] = Counter()
    after: str | None = ""
    while after is not None:
        query = "".join(f"&{key}={value}" for key, value in (("channel", channel), ("after", after)) if value)
        get = ("python", "-c", _GET, f"{_RECEIPTS}?limit=5000{query}")
        page = json.loads(kubectl.run("exec", "deployment/sandbox", "--", *get))
        found.update(each["notification_id"] for each in page["receipts"])
        after = page["next"]
    return found
