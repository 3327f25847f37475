"""What the clients keep for recipients and operators: every method carries all it is given, and reads all it gets."""

from __future__ import annotations

import datetime as dt
import inspect
from typing import Any

import grpc
import pytest

from pulse_client import (
    AsyncClient,
    BreakerOverride,
    BreakerState,
    Channel,
    Choice,
    Client,
    DeviceKind,
    Fallback,
    LimitKind,
    Preferences,
    PulseError,
    Replay,
    Status,
    SuppressionReason,
    Template,
    TemplateContent,
)
from tests.client.fake_gateway import FakeGateway
from tests.client.fake_kept import ID

MINUTE = dt.timedelta(minutes=1)


def test_preferences_go_and_come_whole(client: Client) -> None:
    wanted = Preferences("ann", (Choice(Channel.EMAIL, False, "news"),), "Europe/Berlin", "22:00", "07:00")
    assert client.update_preferences(wanted) == wanted
    assert client.get_preferences("ann") == wanted


def test_suppressions_are_made_listed_and_lifted(client: Client, gateway: FakeGateway) -> None:
    made = client.create_suppression("ann", "email", "ann@example.org", category="news", reason="bounce")
    assert (made.suppression_id, made.channel, made.reason) == (ID, Channel.EMAIL, SuppressionReason.BOUNCE)
    assert [one.reason for one in client.list_suppressions("ann", page_size=1)] == [SuppressionReason.COMPLAINT] * 2
    client.delete_suppression("ann", ID)
    assert [request.user_id for request in gateway.recipients.requests[1:]] == ["ann"] * 3


def test_devices_are_registered_listed_and_forgotten(client: Client, gateway: FakeGateway) -> None:
    made = client.register_device_token("ann", "abc", "iPhone", DeviceKind.APNS)
    assert (made.device_token_id, made.token, made.label, made.kind) == (ID, "abc", "iPhone", DeviceKind.APNS)
    assert client.register_device_token("ann", "abc", kind="WEB_PUSH").kind is DeviceKind.WEB_PUSH
    assert [one.token for one in client.list_device_tokens("ann")] == ["abc"]
    client.delete_device_token("ann", ID)
    assert gateway.recipients.requests[-1].device_token_id == ID


def test_dead_letters_are_listed_and_replayed(client: Client, gateway: FakeGateway) -> None:
    day = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    found = list(client.list_dead_letters(1, channel="sms", provider="twilio", failure_code="1", died_after=day))
    assert [one.notification_id for one in found] == [ID, ID]
    wanted = gateway.operations.requests[0].filter
    assert (wanted.channel, wanted.provider, wanted.failure_code) == (2, "twilio", "1")
    assert client.replay_dead_letter(ID).status == Status.QUEUED
    assert client.replay_dead_letters(5, dry_run=True, died_before=day) == Replay(7, 0, None)
    with pytest.raises(TypeError, match="no filter colour"):
        client.list_dead_letters(colour="red")  # type: ignore[call-arg]


def test_limits_are_set_listed_and_forgotten(client: Client, gateway: FakeGateway) -> None:
    made = client.set_limit("user_channel", 3, MINUTE, subject="login_otp", tenant_id="acme")
    assert (made.limit_id, made.kind, made.amount, made.window) == ("made", LimitKind.USER_CHANNEL, 3, MINUTE)
    assert (made.subject, made.tenant_id) == ("login_otp", "acme")
    assert [(one.limit_id, one.actor) for one in client.list_limits("*")] == [("tenant", "ann")]
    client.delete_limit("tenant", "acme")
    assert (gateway.operations.requests[-1].limit_id, gateway.operations.requests[-1].tenant_id) == ("tenant", "acme")


def test_providers_are_listed_overridden_paused_and_resumed(client: Client, gateway: FakeGateway) -> None:
    [state] = client.list_providers()
    assert (state.provider, state.breaker, state.paused) == ("twilio", BreakerState.OPEN, True)
    assert client.override_breaker("twilio", "forced_closed").override == BreakerOverride.FORCED_CLOSED
    client.pause(Channel.SMS)
    client.resume(provider="smtp")
    pause, resume = gateway.operations.requests[-2:]
    assert (pause.channel, pause.provider, resume.channel, resume.provider) == (2, "", 0, "smtp")


def test_a_send_may_leave_the_address_out_and_name_fallbacks(client: Client, gateway: FakeGateway) -> None:
    fallbacks = [Fallback("sms", "+15551234567", MINUTE), Fallback(Channel.PUSH)]
    sent = client.send(user_id="u", template="t", to="a@b.co", fallbacks=fallbacks)
    first, second = gateway.notifications.requests[0].fallbacks
    assert (first.channel, first.to, first.after.seconds, second.HasField("after")) == (2, "+15551234567", 60, False)
    assert client.get(sent.notification_id).fallbacks == (Fallback(Channel.SMS, "+15551234567", MINUTE), fallbacks[1])
    with pytest.raises(PulseError, match="to"):
        client.send(user_id="u", template="t")


def test_an_acknowledgement_is_the_end_of_it(client: Client) -> None:
    sent = client.send(user_id="u", template="t", to="a@b.co")
    assert client.acknowledge(sent.notification_id).status == Status.DELIVERED


def test_destinations_are_registered_by_an_address_that_never_comes_back(client: Client, gateway: FakeGateway) -> None:
    made = client.create_destination("ops", "slack://a/b/secret")
    assert (made.name, made.kind, made.host, made.key_id) == ("ops", "slack", "hooks.slack.com", "0a0b0c0d")
    assert client.update_destination("ops", "slack://a/b/other") == client.get_destination("ops") == made
    assert client.list_destinations() == (made,)
    client.delete_destination("ops")
    assert client.list_destinations() == ()
    given = [one.destination.url for one in gateway.destinations.requests[:2]]
    assert (given, "secret" in repr(made)) == (["slack://a/b/secret", "slack://a/b/other"], False)


def test_a_template_keeps_its_digest_window(client: Client) -> None:
    template = Template("t", Channel.EMAIL, (TemplateContent("x"),), digest_window=MINUTE)
    assert client.create_template(template).digest_window == MINUTE


def test_what_takes_something_away_is_not_tried_again(gateway: FakeGateway, monkeypatch: Any) -> None:
    calls = []

    def unavailable(own: Any, request: Any, context: Any) -> Any:
        calls.append(type(request).__name__)
        context.abort(grpc.StatusCode.UNAVAILABLE, "away")

    for service, method in (("recipients", "DeleteSuppression"), ("recipients", "ListDeviceTokens")):
        monkeypatch.setattr(type(getattr(gateway, service)), method, unavailable)
    monkeypatch.setattr(type(gateway.operations), "DeleteLimit", unavailable)
    gateway.stop()
    again = FakeGateway()
    again.start()
    with Client(again.address) as client:
        for call in (
            lambda: client.delete_suppression("u", ID),
            lambda: client.delete_limit("tenant"),
            lambda: client.list_device_tokens("u"),
        ):
            with pytest.raises(PulseError):
                call()
    again.stop()
    assert calls == ["DeleteSuppressionRequest", "DeleteLimitRequest"] + ["ListDeviceTokensRequest"] * 5


async def test_the_asyncio_client_does_the_same(aio_client: AsyncClient) -> None:
    assert [one.suppression_id async for one in aio_client.list_suppressions("ann")] == [ID, ID]
    assert (await aio_client.register_device_token("ann", "abc")).device_token_id == ID
    assert (await aio_client.set_limit("tenant", 3, MINUTE)).amount == 3
    assert [one.provider for one in await aio_client.list_providers()] == ["twilio"]
    assert [one.notification_id async for one in aio_client.list_dead_letters(1)] == [ID, ID]
    assert await aio_client.create_destination("ops", "slack://a/b/c") == (await aio_client.list_destinations())[0]


def test_both_clients_have_the_same_methods_with_the_same_arguments() -> None:
    def methods(kind: type) -> dict[str, Any]:
        public = {name: method for name, method in inspect.getmembers(kind, callable) if not name.startswith("_")}
        return {name: inspect.signature(method).parameters.keys() for name, method in public.items()}

    assert methods(Client) == methods(AsyncClient)
