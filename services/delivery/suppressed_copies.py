"""An email's copies, held against suppressions again when it is sent: what was accepted may have waited for long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from services.delivery.rules.claim import ClaimedNotification
from services.delivery.rules.provider import Decision, Outgoing

#: Why each of some addresses is suppressed for what a claim sends; those that are not stand not in it.
FindSuppressed = Callable[[ClaimedNotification, Sequence[str]], Awaitable[Mapping[str, str]]]


async def left_out(outgoing: Outgoing, claim: ClaimedNotification, find: FindSuppressed) -> Outgoing:
    """Without those that are suppressed by now, which are told; raises what asking raises."""
    email = outgoing.said.email
    suppressed = await find(claim, [*email.cc, *email.bcc])
    if not suppressed:
        return outgoing
    told = [
        Decision("copy", "SUPPRESSED", f"{name} {n}: {suppressed[one]}")
        for name, kind in (("cc", email.cc), ("bcc", email.bcc))
        for n, one in enumerate(kind, 1)
        if one in suppressed
    ]
    cc, bcc = ([one for one in kind if one not in suppressed] for kind in (email.cc, email.bcc))
    said = outgoing.said._replace(email=email._replace(cc=cc, bcc=bcc))
    return outgoing._replace(said=said, told=(*outgoing.told, *told))
