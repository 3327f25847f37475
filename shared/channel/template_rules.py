"""What a template is refused for when it is kept; the gateway looks at it before, when it is only to check."""

from __future__ import annotations

from pulse.common.v1 import template_pb2
from shared.errors import Code, PulseError, Violation, invalid

#: Bytes; what was stored is a little larger when it is shown, and gRPC's own clients take answers of 4 MiB.
_LARGEST = 7 * 2**19


def check_size(template: template_pb2.Template) -> None:
    """INVALID_ARGUMENT for one that could not be shown again."""
    if template.ByteSize() > _LARGEST:
        violation = Violation("template.contents", f"take more than {_LARGEST / 2**20:g} MiB in all")
        raise invalid([violation], "TEMPLATE_TOO_LARGE")


def exists(name: str) -> PulseError:
    """ALREADY_EXISTS."""
    return PulseError(
        Code.ALREADY_EXISTS,
        "TEMPLATE_EXISTS",
        f"there is a template {name!r} already",
        hint="update it to store a new version",
    )


def changed(newest: int, expected: int) -> PulseError:
    """FAILED_PRECONDITION."""
    return PulseError(
        Code.FAILED_PRECONDITION,
        "TEMPLATE_CHANGED",
        f"its newest version is {newest}, and not {expected}",
        "look at what somebody else has changed, and make the next version of that",
        metadata={"version": str(newest)},
    )
