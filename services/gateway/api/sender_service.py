"""SenderService: who a tenant's notifications may come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf import empty_pb2

from pulse.common.v1 import sender_pb2
from pulse.gateway.v1 import sender_service_pb2 as api
from pulse.gateway.v1 import sender_service_pb2_grpc as api_grpc
from pulse.ledger.v1 import ledger_admin_pb2, ledger_reader_pb2
from services.gateway import wire
from services.gateway.api.service import DEFAULT_PAGE_SIZE
from services.gateway.door.auth import Caller
from services.gateway.door.calls import Context, Entry
from services.gateway.peers import ask
from services.gateway.rules import sender_rules
from services.gateway.rules.addresses import Addresses
from services.gateway.sending.senders import Senders
from shared.errors import Code, PulseError, Violation, invalid, not_found
from shared.observe.logs import logger
from shared.rpc.validation import check

if TYPE_CHECKING:
    from pulse.ledger.v1.ledger_admin_pb2_grpc import LedgerAdminAsyncStub
    from pulse.ledger.v1.ledger_reader_pb2_grpc import LedgerReaderAsyncStub

_WRITE = "administer"
_READ = "read"
#: Templates looked at in one call for those that name a sender.
_TEMPLATES_AT_ONCE = 100
#: Templates that an error names.
_MOST_NAMED = 20

log = logger(__name__)


class SenderService(api_grpc.SenderServiceServicer):
    """The public door to senders."""

    def __init__(
        self,
        entry: Entry,
        senders: Senders,
        addresses: Addresses,
        reader: LedgerReaderAsyncStub,
        admin: LedgerAdminAsyncStub,
    ) -> None:
        self._entry = entry
        self._senders = senders
        self._addresses = addresses
        self._reader = reader
        self._admin = admin

    async def CreateSender(self, request: api.CreateSenderRequest, context: Context) -> sender_pb2.Sender:
        caller = self._entry.caller(context, _WRITE)
        check(request)
        tenant_id = _tenant(caller, request.tenant_id)
        inner = ledger_admin_pb2.CreateSenderRequest(tenant_id=tenant_id, sender=self._to_keep(request.sender))
        stored = (await ask(self._admin.CreateSender, inner)).sender
        self._changed("sender registered", caller, tenant_id, stored)
        return stored

    async def UpdateSender(self, request: api.UpdateSenderRequest, context: Context) -> sender_pb2.Sender:
        caller = self._entry.caller(context, _WRITE)
        check(request)
        tenant_id = _tenant(caller, request.tenant_id)
        inner = ledger_admin_pb2.UpdateSenderRequest(tenant_id=tenant_id, sender=self._to_keep(request.sender))
        stored = (await ask(self._admin.UpdateSender, inner)).sender
        self._changed("sender changed", caller, tenant_id, stored)
        return stored

    async def GetSender(self, request: api.GetSenderRequest, context: Context) -> sender_pb2.Sender:
        caller = self._entry.caller(context, _READ)
        check(request)
        return await self._get(_tenant(caller, request.tenant_id), request.name)

    async def ListSenders(self, request: api.ListSendersRequest, context: Context) -> api.ListSendersResponse:
        caller = self._entry.caller(context, _READ)
        check(request)
        inner = ledger_reader_pb2.ListSendersRequest(
            tenant_id=_tenant(caller, request.tenant_id),
            page_size=request.page_size or DEFAULT_PAGE_SIZE,
            page_token=request.page_token,
            channel=request.channel,
        )
        page = await ask(self._reader.ListSenders, inner)
        return api.ListSendersResponse(senders=page.senders, next_page_token=page.next_page_token)

    async def DeleteSender(self, request: api.DeleteSenderRequest, context: Context) -> empty_pb2.Empty:
        caller = self._entry.caller(context, _WRITE)
        check(request)
        tenant_id = _tenant(caller, request.tenant_id)
        former = await self._get(tenant_id, request.name)
        if templates := await self._templates_naming(tenant_id, request.name):
            raise _in_use(templates)
        inner = ledger_admin_pb2.DeleteSenderRequest(tenant_id=tenant_id, name=request.name)
        await ask(self._admin.DeleteSender, inner)
        self._changed("sender deleted", caller, tenant_id, former)
        return empty_pb2.Empty()

    def _to_keep(self, given: sender_pb2.Sender) -> sender_pb2.Sender:
        """The sender as the ledger stores it."""
        channel = wire.channel(given.channel, "sender.channel")
        address, reply_to = sender_rules.checked(
            channel, given.address, given.display_name, given.reply_to, self._addresses
        )
        return sender_pb2.Sender(
            name=given.name,
            channel=given.channel,
            address=address,
            display_name=given.display_name,
            reply_to=reply_to,
            is_default=given.is_default,
        )

    async def _get(self, tenant_id: str, name: str) -> sender_pb2.Sender:
        """As the ledger has it now; NOT_FOUND."""
        if sender_rules.NAME.fullmatch(name):
            request = ledger_reader_pb2.FindSenderRequest(tenant_id=tenant_id, name=name)
            found = await ask(self._reader.FindSender, request)
            if found.HasField("sender"):
                return found.sender
        raise not_found("SENDER", name)

    async def _templates_naming(self, tenant_id: str, name: str) -> list[str]:
        """Templates in use whose newest version names it, by name."""
        naming: list[str] = []
        token = ""
        while True:
            request = ledger_reader_pb2.ListTemplatesRequest(
                tenant_id=tenant_id, page_size=_TEMPLATES_AT_ONCE, page_token=token
            )
            page = await ask(self._reader.ListTemplates, request)
            naming += [one.name for one in page.templates if any(content.sender == name for content in one.contents)]
            token = page.next_page_token
            if not token:
                return naming

    def _changed(self, what: str, caller: Caller, tenant_id: str, sender: sender_pb2.Sender) -> None:
        self._senders.forget(tenant_id, sender)
        log.info(what, sender=sender.name, tenant=tenant_id, actor=caller.actor)


def _tenant(caller: Caller, named: str) -> str:
    """Whose senders are meant; PERMISSION_DENIED for another tenant's, save for those who administer the platform."""
    if named in ("", caller.tenant_id):
        return caller.tenant_id
    caller.require("administer")
    if "\0" in named:
        raise invalid([Violation("tenant_id", "must not contain NUL")])
    return named


def _in_use(templates: list[str]) -> PulseError:
    named = ", ".join(templates[:_MOST_NAMED])
    more = f" and {len(templates) - _MOST_NAMED} more" if len(templates) > _MOST_NAMED else ""
    return PulseError(
        Code.FAILED_PRECONDITION,
        "SENDER_IN_USE",
        f"templates name the sender: {named}{more}",
        hint="have them name another one, or none, first",
        metadata={"templates": named, "count": str(len(templates))},
    )
