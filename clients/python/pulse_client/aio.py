"""The client for asyncio: the twin of :mod:`pulse_client.client`, call for call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Unpack

import grpc.aio

from pulse_client import calls
from pulse_client.aio_operations import AsyncOperationMethods
from pulse_client.aio_recipients import AsyncRecipientMethods
from pulse_client.attachments.aio_methods import AsyncAttachmentMethods
from pulse_client.destinations.aio_methods import AsyncDestinationMethods
from pulse_client.enums import Channel
from pulse_client.errors import PulseError, from_rpc_error
from pulse_client.feed.aio import AsyncFeedMethods
from pulse_client.follow import Follow
from pulse_client.fragments.aio_methods import AsyncFragmentMethods
from pulse_client.models import Event, Notification, Preview, Sent
from pulse_client.request import Request, build
from pulse_client.senders.aio_methods import AsyncSenderMethods
from pulse_client.subscriptions.aio_methods import AsyncSubscriptionMethods
from pulse_client.template import Template, TemplateContent


class AsyncClient(
    AsyncRecipientMethods,
    AsyncSenderMethods,
    AsyncFragmentMethods,
    AsyncOperationMethods,
    AsyncAttachmentMethods,
    AsyncDestinationMethods,
    AsyncFeedMethods,
    AsyncSubscriptionMethods,
):
    """Talks to one gateway, from the event loop it is made in. Connects when first used.

    ``address`` is host:port or any gRPC target, ``timeout`` (s) bounds every unary call, its retries
    included. ``tls``: True for the system's authorities, bytes for others in PEM, or gRPC credentials.
    ``proxy``: whether the proxy that the environment names is used (https_proxy, no_proxy); a gateway is mostly near.
    ``gather``: what is sent while a send is under way goes in one call, the next; False: each makes its own.

    Every method raises :class:`PulseError`. UNAVAILABLE, or CANCELLED by a gateway that stops, is tried again,
    up to five times, wherever that changes nothing: every send carries an idempotency key, made up if you give none.
    """

    async def send(self, *, timeout: float | None = None, **request: Unpack[Request]) -> Sent:  # noqa: ASYNC109  # gRPC's deadline
        """Has one notification accepted: stored durably, once. Arguments: :class:`Request`.

        ``timeout`` (s) takes the place of the client's. After DEADLINE_EXCEEDED it may have been accepted: say it
        again with the same key.
        """
        return await self._send(build(**request), timeout)

    async def send_many(self, requests: Iterable[Request], chunk: int = 500) -> AsyncIterator[Sent | PulseError]:
        """Sends in batches of ``chunk`` (1 to 1,000), lazily; one result for each request, in order.

        A request that is refused, or a batch that could not be delivered, gives a PulseError as its
        result; none is raised.
        """
        for batch in calls.batches(requests, chunk):
            try:
                results = await self._call(calls.send_batch(batch))
            except PulseError as error:
                results = [error] * len(batch)
            for result in results:
                yield result

    async def get(self, notification_id: str) -> Notification:
        """One notification, with its timeline."""
        return await self._call(calls.get(notification_id))

    def list(self, **filters: Unpack[calls.Filters]) -> AsyncIterator[Notification]:
        """Notifications, newest first, without timelines, page by page as they are consumed."""
        return self._pages(calls.list_notifications(**filters))

    async def watch(
        self,
        notification_id: str,
        after_sequence: int = 0,
        timeout: float | None = None,  # noqa: ASYNC109  # gRPC's deadline
    ) -> AsyncGenerator[Event, None]:
        """Events of a notification, past ones first, until it is terminal; goes on by itself when a stream breaks.

        ``timeout`` (s) bounds the whole; DEADLINE_EXCEEDED after it. Close the iterator to stop earlier.
        """
        follow = Follow(notification_id, after_sequence, timeout)
        stub = self._stubs[calls.WATCH_STUB]
        while True:
            stream = stub.WatchNotification(follow.request, timeout=follow.timeout, metadata=self._metadata)
            try:
                async for response in stream:
                    yield follow.seen(response.event)
                return
            except grpc.aio.AioRpcError as error:
                await asyncio.sleep(follow.pause(from_rpc_error(error)))
            finally:
                stream.cancel()

    async def wait(self, notification_id: str, timeout: float = 60.0) -> Notification:  # noqa: ASYNC109  # gRPC's deadline
        """The notification once it is SENT or terminal; DEADLINE_EXCEEDED if it is not within ``timeout`` s."""
        async with aclosing(self.watch(notification_id, timeout=timeout)) as events:
            async for event in events:
                if not event.status.is_under_way:
                    break
        return await self.get(notification_id)

    async def acknowledge(self, notification_id: str) -> Notification:
        """Says that the recipient has it: it is DELIVERED, and no fallback follows."""
        return await self._call(calls.acknowledge(notification_id))

    async def cancel(self, notification_id: str) -> Notification:
        """Takes a notification back before it is sent; FAILED_PRECONDITION once it is too late."""
        return await self._call(calls.cancel(notification_id))

    async def create_template(self, template: Template) -> Template:
        """Makes version 1; ALREADY_EXISTS if the name is taken."""
        return await self._call(calls.create_template(template))

    async def update_template(self, template: Template, expected_version: int = 0) -> Template:
        """Makes the next version, out of the whole template; TEMPLATE_CHANGED if the newest is not the expected one."""
        return await self._call(calls.update_template(template, expected_version))

    async def get_template(self, name: str, version: int = 0) -> Template:
        """The newest version, or a given one."""
        return await self._call(calls.get_template(name, version))

    def list_templates(self, channel: Channel | str | None = None, page_size: int = 0) -> AsyncIterator[Template]:
        """Templates by name, each at its newest version."""
        return self._pages(calls.list_templates(channel, page_size))

    async def delete_template(self, name: str) -> None:
        """Takes a template out of use; what was accepted is still sent."""
        await self._call(calls.delete_template(name))

    async def preview_template(
        self,
        name: str,
        context: Mapping[str, Any] | None = None,
        *,
        version: int = 0,
        channel: Channel | str | None = None,
        locale: str = "",
        draft: Sequence[TemplateContent] = (),
        template: Template | None = None,
        fill_missing: bool = False,
    ) -> Preview:
        """What a recipient would see, of a stored template or, if given, of ``draft`` or a whole ``template``.

        ``fill_missing``: variables that the context lacks say their own names.
        """
        return await self._call(
            calls.preview_template(
                name,
                context,
                version=version,
                channel=channel,
                locale=locale,
                draft=draft,
                template=template,
                fill_missing=fill_missing,
            )
        )
