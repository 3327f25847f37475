"""The fake gateway's part on recipients."""

from __future__ import annotations

from typing import Any

from google.protobuf.empty_pb2 import Empty

from pulse.common.v1 import recipient_pb2
from pulse.gateway.v1 import recipient_service_pb2 as pb
from pulse.gateway.v1 import recipient_service_pb2_grpc
from shared.errors import not_found
from tests.console.book import Book, abort


class Recipients(recipient_service_pb2_grpc.RecipientServiceServicer):
    """Tells what is known of whoever is named, and lifts suppressions."""

    def __init__(self, book: Book) -> None:
        self.book = book

    async def GetPreferences(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        known = self.book.preferences
        return known if request.user_id == known.user_id else recipient_pb2.Preferences(user_id=request.user_id)

    async def ListSuppressions(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        own = [one for one in self.book.suppressions.values() if one.user_id == request.user_id]
        return pb.ListSuppressionsResponse(suppressions=own)

    async def DeleteSuppression(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        if self.book.suppressions.pop(request.suppression_id, None) is None:
            await abort(context, not_found("suppression", request.suppression_id))
        return Empty()

    async def ListDeviceTokens(self, request: Any, context: Any) -> Any:
        await self.book.begin(request, context)
        own = [one for one in self.book.devices if one.user_id == request.user_id]
        return pb.ListDeviceTokensResponse(device_tokens=own)
