"""The kinds of devices that pushes go to: by whose service each is reached. Pure.

An entry's name is that of the contract (``pulse.common.v1.DeviceToken.Kind``).
"""

from __future__ import annotations

import enum

from shared.channel.device_tokens import is_apns_token


class DeviceKind(enum.StrEnum):
    """One kind; its text is its name in the contract."""

    provider: str
    #: Equal names are equal texts; the enum's own way is Python, and takes ten times as long.
    __hash__ = str.__hash__

    def __new__(cls, name: str, provider: str) -> DeviceKind:
        member = str.__new__(cls, name)
        member._value_ = name
        #: The provider that serves such devices alone; others, a program of one's own say, serve all kinds.
        member.provider = provider
        return member

    FCM = "FCM", "fcm"
    APNS = "APNS", "apns"
    WEB_PUSH = "WEB_PUSH", "webpush"

    @classmethod
    def named(cls, name: str) -> DeviceKind | None:
        """The kind of that name; None: there is none, or only in a release newer than this."""
        return _BY_NAME.get(name)

    @classmethod
    def looks_like(cls, token: str) -> DeviceKind:
        """What a token is that comes without its kind."""
        if token.startswith("{"):
            return cls.WEB_PUSH
        return cls.APNS if is_apns_token(token) else cls.FCM

    def served_by(self, provider: str) -> bool:
        """Whether devices of this kind can be reached by it."""
        return provider == self.provider or provider not in _OWN


_BY_NAME = {kind.value: kind for kind in DeviceKind}
_OWN = frozenset(kind.provider for kind in DeviceKind)
