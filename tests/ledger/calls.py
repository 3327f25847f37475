"""The ledger as its callers see it, in few words."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any

import grpc.aio

from pulse.common.v1 import asked_pb2, enums_pb2, notification_pb2, provider_pb2, template_pb2
from pulse.common.v1.notification_filter_pb2 import NotificationFilter
from pulse.ledger.v1 import (
    ledger_admin_pb2,
    ledger_admin_pb2_grpc,
    ledger_reader_pb2,
    ledger_reader_pb2_grpc,
    ledger_service_pb2,
    ledger_service_pb2_grpc,
    records_pb2,
)
from shared.clock import Clock
from shared.ids import uuid7
from shared.rpc.channels import call
from shared.times import to_duration, to_timestamp

Outcome = notification_pb2.TimelineEvent
TENANT = "acme"
#: Provider states by their providers' names.
Providers = dict[str, provider_pb2.ProviderState]


class Calls:
    """Calls one ledger; raises PulseError as its callers would get it."""

    def __init__(self, channel: grpc.aio.Channel, clock: Clock) -> None:
        self.service = ledger_service_pb2_grpc.LedgerServiceStub(channel)
        self.reader = ledger_reader_pb2_grpc.LedgerReaderStub(channel)
        self.admin = ledger_admin_pb2_grpc.LedgerAdminStub(channel)
        self._clock = clock

    def entry(self, key: str = "", **fields: Any) -> records_pb2.Entry:
        """An entry that can be recorded; ``fields`` replace its own. Times are given as datetimes."""
        fields |= {name: to_timestamp(fields[name]) for name in ("not_before", "expires_at") if name in fields}
        tenant = fields.pop("tenant_id", TENANT)
        number = fields.pop("notification_id", "") or uuid7(self._clock.now())
        asked = {
            "user_id": "user-1",
            "template_name": "welcome",
            "template_version": 1,
            "channel": enums_pb2.EMAIL,
            "to": "ada@example.com",
            "context_json": json.dumps({"name": "Ada"}),
            "idempotency_key": key,
        }
        # Fallbacks are the router's words, each with its route.
        own = {*asked_pb2.Asked.DESCRIPTOR.fields_by_name} - {"fallbacks"}
        asked |= {name: fields.pop(name) for name in [*fields] if name in own}
        values = {"fingerprint": b"one request", "lane": enums_pb2.HIGH, "route": ["smtp"], "max_attempts": 3}
        ref = records_pb2.NotificationRef(tenant_id=tenant, notification_id=number)
        return records_pb2.Entry(ref=ref, asked=asked_pb2.Asked(**asked), **(values | fields))

    async def record(self, *entries: records_pb2.Entry) -> list[records_pb2.RecordResult]:
        response = await call(self.service.Record, ledger_service_pb2.RecordRequest(entries=entries))
        return list(response.results)

    async def recorded(self, **fields: Any) -> records_pb2.NotificationRef:
        """Records one entry; gives its name."""
        entry = self.entry(**fields)
        (result,) = await self.record(entry)
        assert not result.HasField("error"), result.error
        return entry.ref

    async def lookup(self, *uses: tuple[str, bytes], tenant_id: str = TENANT) -> list[records_pb2.RecordResult]:
        wanted = [records_pb2.KeyUse(tenant_id=tenant_id, idempotency_key=key, fingerprint=mark) for key, mark in uses]
        response = await call(self.service.LookupKeys, ledger_service_pb2.LookupKeysRequest(uses=wanted))
        return list(response.results)

    async def draw(
        self, limit: int = 100, lane: Any = enums_pb2.HIGH, redispatch_after: float = 10, **allowances: int
    ) -> ledger_service_pb2.DrawResponse:
        """``allowances``: how many may go to a provider that is bounded."""
        request = ledger_service_pb2.DrawRequest(
            lane=lane,
            limit=limit,
            redispatch_after=to_duration(redispatch_after),
            allowances=[records_pb2.ProviderAllowance(provider=name, count=n) for name, n in allowances.items()],
        )
        return await call(self.service.Draw, request)

    async def create(self, template: template_pb2.Template) -> None:
        """Stores a template's first version."""
        await call(
            self.admin.CreateTemplate, ledger_admin_pb2.CreateTemplateRequest(tenant_id=TENANT, template=template)
        )

    async def claim(
        self,
        *refs: records_pb2.NotificationRef,
        lease: float = 12,
        worker: str = "worker-1",
        avoid: Iterable[str] = (),
        avoid_for: Iterable[tuple[str, str]] = (),
        devices: bool = False,
    ) -> list[records_pb2.ClaimedNotification]:
        answer = await self.claimed(
            *refs, lease=lease, worker=worker, avoid=avoid, avoid_for=avoid_for, devices=devices
        )
        return list(answer.claimed)

    async def claimed(
        self,
        *refs: records_pb2.NotificationRef,
        lease: float = 12,
        worker: str = "worker-1",
        avoid: Iterable[str] = (),
        avoid_for: Iterable[tuple[str, str]] = (),
        devices: bool = False,
    ) -> ledger_service_pb2.ClaimResponse:
        """The whole answer to a claim; ``avoid_for`` are tenants with providers.

        ``devices``: the worker takes several devices of one notification, as those of the release before do not.
        """
        request = ledger_service_pb2.ClaimRequest(
            worker_id=worker,
            lease=to_duration(lease),
            refs=refs,
            avoid_providers=avoid,
            avoid_for_tenants=[ledger_service_pb2.AvoidForTenant(tenant_id=t, provider=name) for t, name in avoid_for],
            reads_asked=True,
            reads_devices=devices,
        )
        return await call(self.service.Claim, request)

    async def settle(self, *settlements: records_pb2.Settlement) -> list[records_pb2.SettleResult]:
        response = await call(self.service.Settle, ledger_service_pb2.SettleRequest(settlements=settlements))
        return list(response.results)

    async def end(self, claimed: records_pb2.ClaimedNotification, outcome: Any, **fields: Any) -> Any:
        """Settles one claim; gives its result."""
        return (await self.settle(settlement(claimed, outcome, **fields)))[0]

    async def receive(self, *receipts: records_pb2.ProviderReceipt) -> list[records_pb2.SettleResult]:
        response = await call(self.service.RecordReceipts, ledger_service_pb2.RecordReceiptsRequest(receipts=receipts))
        return list(response.results)

    async def acknowledge(
        self, ref: records_pb2.NotificationRef, actor: str = "phone"
    ) -> notification_pb2.Notification:
        request = ledger_service_pb2.AcknowledgeRequest(ref=ref, actor=actor)
        return (await call(self.service.Acknowledge, request)).notification

    async def exchange(self, *states: provider_pb2.ProviderState, worker: str = "worker-1") -> Providers:
        """Tells how a worker sees its providers; gives how all see them, by name."""
        request = ledger_service_pb2.ExchangeProviderStatesRequest(worker_id=worker, states=states)
        return by_name((await call(self.service.ExchangeProviderStates, request)).states)

    async def providers(self) -> Providers:
        """How they stand, by name."""
        request = ledger_reader_pb2.ListProviderStatesRequest()
        return by_name((await call(self.reader.ListProviderStates, request)).states)

    async def pause(self, paused: bool = True, **what: Any) -> None:
        """``what``: a channel or a provider."""
        await call(self.admin.SetPause, ledger_admin_pb2.SetPauseRequest(paused=paused, actor="ops", **what))

    async def override(self, provider: str, override: Any) -> provider_pb2.ProviderState:
        request = ledger_admin_pb2.OverrideBreakerRequest(provider=provider, override=override, actor="ops")
        return (await call(self.admin.OverrideBreaker, request)).state

    async def cancel(self, ref: records_pb2.NotificationRef, actor: str = "key-7") -> notification_pb2.Notification:
        response = await call(self.service.Cancel, ledger_service_pb2.CancelRequest(ref=ref, actor=actor))
        return response.notification

    async def replay(
        self, ref: records_pb2.NotificationRef, actor: str = "ops", template: Any = 0
    ) -> notification_pb2.Notification:
        request = ledger_admin_pb2.ReplayDeadLetterRequest(ref=ref, actor=actor, template=template)
        return (await call(self.admin.ReplayDeadLetter, request)).notification

    async def dead_letters(self, page_size: int = 100, page_token: str = "", **wanted: Any) -> Any:
        """A page of those that ``wanted`` says; times are given as datetimes."""
        request = ledger_reader_pb2.ListDeadLettersRequest(
            tenant_id=TENANT, filter=dead_letter_filter(**wanted), page_size=page_size, page_token=page_token
        )
        return await call(self.reader.ListDeadLetters, request)

    async def replay_many(
        self, rate: int = 100, dry_run: bool = False, actor: str = "ops", template: Any = 0, **wanted: Any
    ) -> Any:
        """Replays those that ``wanted`` says."""
        request = ledger_admin_pb2.ReplayDeadLettersRequest(
            tenant_id=TENANT,
            filter=dead_letter_filter(**wanted),
            rate_per_second=rate,
            dry_run=dry_run,
            actor=actor,
            template=template,
        )
        return await call(self.admin.ReplayDeadLetters, request)

    async def cancel_many(self, dry_run: bool = False, tenant: str = TENANT, **wanted: Any) -> tuple[int, int]:
        """How many waited that ``wanted`` says, and how many of them were taken back."""
        request = ledger_admin_pb2.CancelNotificationsRequest(
            tenant_id=tenant, filter=NotificationFilter(**wanted), dry_run=dry_run, actor="key-7"
        )
        answer = await call(self.admin.CancelNotifications, request)
        return answer.matched, answer.cancelled

    async def get(self, ref: records_pb2.NotificationRef) -> notification_pb2.Notification:
        request = ledger_reader_pb2.GetNotificationRequest(ref=ref)
        return (await call(self.reader.GetNotification, request)).notification

    async def status(self, ref: records_pb2.NotificationRef) -> str:
        """The status's name."""
        return enums_pb2.Status.Name((await self.get(ref)).status)

    async def timeline(self, ref: records_pb2.NotificationRef) -> list[tuple[str, str]]:
        """Kind and status of every event, by name."""
        return [names(event) for event in (await self.get(ref)).timeline]

    async def page(self, **fields: Any) -> ledger_reader_pb2.ListNotificationsResponse:
        times = {name: to_timestamp(fields.pop(name)) for name in ("created_after", "created_before") if name in fields}
        values = {"tenant_id": TENANT, "page_size": 100} | times | fields
        return await call(self.reader.ListNotifications, ledger_reader_pb2.ListNotificationsRequest(**values))

    async def ids(self, **fields: Any) -> list[str]:
        """The ids of a page."""
        return [one.notification_id for one in (await self.page(**fields)).notifications]


def settlement(claimed: records_pb2.ClaimedNotification, outcome: Any, **fields: Any) -> records_pb2.Settlement:
    """What a worker says of a claim; ``retry_after`` in seconds, ``code`` of the failure."""
    if "retry_after" in fields:
        fields["retry_after"] = to_duration(fields["retry_after"])
    if code := fields.pop("code", ""):
        fields["failure"] = notification_pb2.Failure(code=code, message="it did not work")
    return records_pb2.Settlement(**({"ref": claimed.ref, "fence": claimed.fence, "outcome": outcome} | fields))


def dead_letter_filter(**wanted: Any) -> records_pb2.DeadLetterFilter:
    """Which dead letters; times are given as datetimes."""
    times = {name: to_timestamp(wanted.pop(name)) for name in ("died_after", "died_before") if name in wanted}
    return records_pb2.DeadLetterFilter(**(times | wanted))


def receipt(
    ref: records_pb2.NotificationRef, status: Any, message_id: str = "m-1", **fields: Any
) -> records_pb2.ProviderReceipt:
    """What a provider reports."""
    values = {"ref": ref, "provider": "smtp", "provider_message_id": message_id, "status": status}
    return records_pb2.ProviderReceipt(**(values | fields))


def template(name: str = "welcome", body: str = "Hello {{ name }}", **fields: Any) -> template_pb2.Template:
    contents = [template_pb2.TemplateContent(subject="Hello", body=body)]
    values = {"name": name, "channel": enums_pb2.EMAIL, "contents": contents, "variables": ["name"]}
    return template_pb2.Template(**(values | fields))


def by_name(states: Iterable[provider_pb2.ProviderState]) -> Providers:
    return {state.provider: state for state in states}


def fallback(
    channel: Any = enums_pb2.SMS, to: str = "+4915112345678", after: float | None = 30
) -> records_pb2.RoutedFallback:
    """A fallback; ``after`` in seconds."""
    route = {enums_pb2.SMS: ["twilio"], enums_pb2.EMAIL: ["smtp"], enums_pb2.PUSH: ["fcm"]}[channel]
    return records_pb2.RoutedFallback(
        channel=channel, to=to, route=route, after=None if after is None else to_duration(after)
    )


def names(event: notification_pb2.TimelineEvent) -> tuple[str, str]:
    return Outcome.Kind.Name(event.kind), enums_pb2.Status.Name(event.status)


def status_names(results: Iterable[Any]) -> list[str]:
    return [enums_pb2.Status.Name(result.status) for result in results]


def moment(stamp: Any) -> dt.datetime:
    return stamp.ToDatetime(tzinfo=dt.UTC)
