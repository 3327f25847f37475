"""The RateLimit header fields (draft-ietf-httpapi-ratelimit-headers, from its ninth version on).

Both are lists of structured fields (RFC 9651): the name of a policy, with its parameters.
"""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from pulse.common.v1 import limit_pb2

Fields = tuple[tuple[str, str], ...]


def fields(quota: limit_pb2.QuotaState) -> Fields:
    """``ratelimit-policy`` (quota, window in s) and ``ratelimit`` (remaining, s until there is more again).

    Seconds are whole in these fields; they are rounded up, so that nobody comes back too early.
    """
    policy = f'"{quota.name}";q={quota.amount};w={max(1, _seconds(quota.window))}'
    state = f'"{quota.name}";r={max(0, quota.remaining)}'
    if quota.HasField("reset"):
        state += f";t={max(0, _seconds(quota.reset))}"
    return (("ratelimit-policy", policy), ("ratelimit", state))


def _seconds(length: Duration) -> int:
    return length.seconds + (length.nanos > 0)
