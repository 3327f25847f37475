"""Senders, destinations and fragments of the fake gateway."""

from __future__ import annotations

from typing import Any

from google.protobuf.empty_pb2 import Empty

from pulse.common.v1 import destination_pb2
from pulse.gateway.v1 import (
    destination_service_pb2,
    destination_service_pb2_grpc,
    fragment_service_pb2,
    fragment_service_pb2_grpc,
    sender_service_pb2,
    sender_service_pb2_grpc,
)
from shared.errors import Code, PulseError, Violation, invalid, not_found
from tests.console.book import Book, abort


class Senders(sender_service_pb2_grpc.SenderServiceServicer):
    """Keeps them; an address without a dot is none."""

    def __init__(self, book: Book) -> None:
        self.book = book

    async def CreateSender(self, request: Any, context: Any) -> Any:
        return await self._keep(request, context)

    async def UpdateSender(self, request: Any, context: Any) -> Any:
        return await self._keep(request, context)

    async def GetSender(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        if request.name not in self.book.senders:
            await abort(context, not_found("sender", request.name))
        return self.book.senders[request.name]

    async def ListSenders(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        return sender_service_pb2.ListSendersResponse(senders=self.book.senders.values())

    async def DeleteSender(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        if request.name == "in_use":
            await abort(context, PulseError(Code.FAILED_PRECONDITION, "SENDER_IN_USE", "hello names it"))
        self.book.senders.pop(request.name, None)
        return Empty()

    async def _keep(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        if "." not in request.sender.address:
            await abort(context, invalid([Violation("sender.address", "is no address")], "INVALID_ADDRESS"))
        self.book.senders[request.sender.name] = request.sender
        return request.sender


class Destinations(destination_service_pb2_grpc.DestinationServiceServicer):
    """Keeps them, without their addresses."""

    def __init__(self, book: Book) -> None:
        self.book = book

    async def CreateDestination(self, request: Any, context: Any) -> Any:
        return await self._keep(request, context)

    async def UpdateDestination(self, request: Any, context: Any) -> Any:
        return await self._keep(request, context)

    async def ListDestinations(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        return destination_service_pb2.ListDestinationsResponse(destinations=self.book.destinations.values())

    async def DeleteDestination(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        if self.book.destinations.pop(request.name, None) is None:
            await abort(context, not_found("destination", request.name))
        return Empty()

    async def _keep(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        if "127.0.0.1" in request.destination.url:
            found = [Violation("destination.url", "leads to a private address")]
            await abort(context, invalid(found, "DESTINATION_PRIVATE"))
        kept = destination_pb2.Destination(name=request.destination.name, kind="slack", host="hooks.slack.com")
        self.book.destinations[kept.name] = kept
        return kept


class Fragments(fragment_service_pb2_grpc.FragmentServiceServicer):
    """Keeps every version."""

    def __init__(self, book: Book) -> None:
        self.book = book

    async def CreateFragment(self, request: Any, context: Any) -> Any:
        return await self._keep(request, context)

    async def UpdateFragment(self, request: Any, context: Any) -> Any:
        return await self._keep(request, context)

    async def GetFragment(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        versions = self.book.fragments.get(request.name)
        if not versions:
            await abort(context, not_found("fragment", request.name))
        return versions[request.version - 1]

    async def ListFragments(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        newest = [versions[-1] for versions in self.book.fragments.values()]
        return fragment_service_pb2.ListFragmentsResponse(fragments=newest)

    async def DeleteFragment(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        if self.book.fragments[request.name][-1].used_by:
            await abort(context, PulseError(Code.FAILED_PRECONDITION, "FRAGMENT_IN_USE", "hello takes it in"))
        del self.book.fragments[request.name]
        return Empty()

    async def _keep(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        bad = [n for n, content in enumerate(request.fragment.contents) if "{% bad" in content.body]
        if bad:
            found = [Violation(f"fragment.contents[{n}].body", "is not valid Liquid") for n in bad]
            await abort(context, invalid(found, "TEMPLATE_SYNTAX"))
        versions = self.book.fragments.setdefault(request.fragment.name, [])
        request.fragment.version = len(versions) + 1
        versions.append(request.fragment)
        return request.fragment
