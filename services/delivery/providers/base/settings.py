"""Settings that every provider knows beside its own."""

from __future__ import annotations

from shared.net.public_address import PublicAddress


class ProviderSettings(PublicAddress):
    """What a provider's own settings begin with.

    All providers' become one class, :class:`services.delivery.config.DeliverySettings`: so the name of a provider's
    fields and checks begins with that of its folder, as do its keys in the environment.
    """
