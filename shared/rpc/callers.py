"""Which role may call what, when roles show certificates: whatever does not stand here is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

#: Methods by service by calling role; ``*`` is every method of a service. Health checks are open to all.
ALLOWED: Mapping[str, Mapping[str, Sequence[str]]] = {
    "gateway": {
        "pulse.router.v1.RouterService": ("Submit",),
        "pulse.ledger.v1.LedgerService": ("LookupKeys", "Cancel", "Acknowledge"),
        "pulse.ledger.v1.LedgerReader": ("*",),
        "pulse.ledger.v1.LedgerAdmin": ("*",),
        "pulse.ledger.v1.LedgerSubscriptions": (
            *("CreateSubscription", "ListSubscriptions", "UpdateSubscription", "DeleteSubscription", "RotateSecret"),
            *("SetState", "TestSubscription", "ListEventDeliveries", "RedeliverEvents"),
        ),
        "pulse.delivery.v1.DeliveryService": ("ListProviders", "SealDestination"),
        "pulse.rpc.v1.KeptStreamService": ("Exchange",),
    },
    "router": {
        "pulse.ledger.v1.LedgerService": ("Record", "LookupKeys", "Draw"),
        "pulse.ledger.v1.LedgerReader": ("ListLimits",),
        "pulse.rpc.v1.KeptStreamService": ("Exchange",),
    },
    "delivery": {
        "pulse.ledger.v1.LedgerService": ("RecordReceipts", "RecordPrice"),
        "pulse.ledger.v1.LedgerSubscriptions": ("DrawEventDeliveries", "SettleEventDeliveries"),
    },
    "worker": {
        "pulse.router.v1.RouterService": ("AwaitUrgent",),
        "pulse.ledger.v1.LedgerService": ("Claim", "Settle", "SettleAndClaim", "ExchangeProviderStates"),
        "pulse.ledger.v1.LedgerReader": ("GetTemplate", "GetAttachment", "FindSuppressed", "GetDestination"),
        "pulse.rpc.v1.KeptStreamService": ("Exchange",),
    },
    "edge": {
        "pulse.gateway.v1.NotificationService": ("*",),
        "pulse.gateway.v1.TemplateService": ("*",),
        "pulse.gateway.v1.FragmentService": ("*",),
        "pulse.gateway.v1.RecipientService": ("*",),
        "pulse.gateway.v1.SenderService": ("*",),
        "pulse.gateway.v1.AttachmentService": ("*",),
        "pulse.gateway.v1.LinkedFileService": ("*",),
        "pulse.gateway.v1.EventService": ("*",),
        "pulse.gateway.v1.SubscriptionService": ("*",),
        "pulse.gateway.v1.DestinationService": ("*",),
        "pulse.gateway.v1.OperationsService": ("*",),
        "pulse.gateway.v1.KeyService": ("*",),
        "pulse.gateway.v1.CompatibilityService": ("*",),
        "pulse.gateway.v1.UnsubscribeService": ("*",),
        "pulse.gateway.v1.DoorService": ("CheckCredential",),
        "pulse.delivery.v1.ReceiptService": ("*",),
    },
    "console": {
        "pulse.gateway.v1.NotificationService": ("*",),
        "pulse.gateway.v1.TemplateService": ("*",),
        "pulse.gateway.v1.FragmentService": ("*",),
        "pulse.gateway.v1.RecipientService": ("*",),
        "pulse.gateway.v1.SenderService": ("*",),
        "pulse.gateway.v1.AttachmentService": ("*",),
        "pulse.gateway.v1.EventService": ("*",),
        "pulse.gateway.v1.SubscriptionService": ("*",),
        "pulse.gateway.v1.DestinationService": ("*",),
        "pulse.gateway.v1.OperationsService": ("*",),
        "pulse.gateway.v1.KeyService": ("*",),
    },
    "client": {
        "pulse.gateway.v1.NotificationService": ("*",),
        "pulse.gateway.v1.TemplateService": ("*",),
        "pulse.gateway.v1.FragmentService": ("*",),
        "pulse.gateway.v1.RecipientService": ("*",),
        "pulse.gateway.v1.SenderService": ("*",),
        "pulse.gateway.v1.AttachmentService": ("*",),
        "pulse.gateway.v1.EventService": ("*",),
        "pulse.gateway.v1.SubscriptionService": ("*",),
        "pulse.gateway.v1.DestinationService": ("*",),
        "pulse.gateway.v1.OperationsService": ("*",),
        "pulse.gateway.v1.KeyService": ("*",),
    },
}


def may_call(role: str, method: str) -> bool:
    """Whether the role may call ``method``, a full name: ``/pulse.router.v1.RouterService/Submit``."""
    service, _, name = method.removeprefix("/").partition("/")
    methods = ALLOWED.get(role, {}).get(service, ())
    return name in methods or "*" in methods
