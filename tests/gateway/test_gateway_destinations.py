"""Destinations at the door: registered by those who administer, told without their addresses, sent to by name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from proof.planning import make_plan
from pulse.common.v1 import enums_pb2
from pulse.common.v1.destination_pb2 import Destination
from pulse.gateway.v1 import destination_service_pb2 as api
from pulse.gateway.v1 import notification_service_pb2
from services.delivery.providers.apprise.sealing import CannotOpen, KeyRing
from shared.errors import Code
from tests.gateway import fakes
from tests.gateway.conftest import Client, refusal
from tests.gateway.edge import edge
from tests.gateway.fake_destinations import KEY

SECRET = "TIiajkdnlazkcOXrIdevi7FQ"
SLACK = f"slack://T1JJ3T3L2/A1BRTD4JD/{SECRET}"
DISCORD = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"
CHAT = {"template_name": "ops", "to": "ops-slack", "context": {"text": "Disk full"}}


async def create(client: Client, name: str = "ops-slack", url: str = SLACK, headers: Any = None) -> Destination:
    wanted = api.CreateDestinationRequest(destination=Destination(name=name, url=url))
    return await client.destinations.CreateDestination(wanted, metadata=headers)


@pytest.fixture(autouse=True)
def template(peers: fakes.Peers) -> None:
    peers.store(fakes.template("ops", enums_pb2.CHAT, "{{ text }}", subject="Alert"))


async def test_a_destination_is_told_without_its_address(client: Client, peers: fakes.Peers) -> None:
    made = await create(client)
    assert (made.name, made.kind, made.host, made.url) == ("ops-slack", "slack", "hooks.slack.com", "")
    assert len(made.fingerprint) == 16
    got = await client.destinations.GetDestination(api.GetDestinationRequest(name="ops-slack"))
    listed = await client.destinations.ListDestinations(api.ListDestinationsRequest())
    assert [got, *listed.destinations] == [made, made]
    kept, sealed = peers.reader.destinations["default", "ops-slack"]
    assert SECRET not in str(made) + str(kept)
    assert SECRET.encode() not in sealed


async def test_what_is_kept_opens_for_its_tenant_and_name_alone(client: Client, peers: fakes.Peers) -> None:
    await create(client)
    sealed = peers.reader.destinations["default", "ops-slack"][1]
    keys = KeyRing.parse(KEY)
    assert keys.open("default", "ops-slack", sealed) == SLACK
    for tenant, name in (("acme", "ops-slack"), ("default", "other"), ("defaultops", "-slack")):
        with pytest.raises(CannotOpen):
            keys.open(tenant, name, sealed)


async def test_the_same_address_has_the_same_fingerprint_and_other_bytes(client: Client, peers: fakes.Peers) -> None:
    first, second = await create(client, "one"), await create(client, "two")
    third = await create(client, "three", DISCORD)
    assert first.fingerprint == second.fingerprint != third.fingerprint
    assert len({kept[1] for kept in peers.reader.destinations.values()}) == 3


async def test_it_is_changed_and_taken_away(client: Client, peers: fakes.Peers) -> None:
    await create(client)
    changed = await client.destinations.UpdateDestination(
        api.UpdateDestinationRequest(destination=Destination(name="ops-slack", url=DISCORD))
    )
    assert (changed.kind, changed.host) == ("discord", "discord.com")
    await client.destinations.DeleteDestination(api.DeleteDestinationRequest(name="ops-slack"))
    assert peers.reader.destinations == {}
    for call in (
        client.destinations.GetDestination(api.GetDestinationRequest(name="ops-slack")),
        client.destinations.DeleteDestination(api.DeleteDestinationRequest(name="ops-slack")),
        client.destinations.UpdateDestination(
            api.UpdateDestinationRequest(destination=Destination(name="ops-slack", url=SLACK))
        ),
    ):
        error = await refusal(call)
        assert (error.code, error.reason) == (Code.NOT_FOUND, "DESTINATION_NOT_FOUND")


async def test_a_name_is_taken_once(client: Client) -> None:
    await create(client)
    error = await refusal(create(client))
    assert (error.code, error.reason) == (Code.ALREADY_EXISTS, "DESTINATION_EXISTS")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "DESTINATION_URL_INVALID"),
        ("https://example.org/hook", "DESTINATION_URL_INVALID"),
        ("http://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "DESTINATION_URL_INVALID"),
        ("mailto://ann:secret@example.org", "DESTINATION_URL_INVALID"),
        ("file:///etc/passwd", "DESTINATION_URL_INVALID"),
        ("syslog://", "DESTINATION_URL_INVALID"),
        ("dbus://", "DESTINATION_URL_INVALID"),
        ("exec://ls", "DESTINATION_URL_INVALID"),
        ("json://169.254.169.254/latest", "DESTINATION_URL_INVALID"),
        ("twilio://sid:token@+15551234567/+15557654321", "DESTINATION_URL_INVALID"),
        ("slack://", "DESTINATION_URL_INVALID"),
        ("slack://xoxb-1234-1234-abc123/#general", "DESTINATION_URL_INVALID"),
        (f"{DISCORD}?template=/etc/passwd", "DESTINATION_URL_INVALID"),
        (f"{DISCORD}?ping=@everyone", "DESTINATION_URL_INVALID"),
        (f"{DISCORD}?format=markdown", "DESTINATION_URL_INVALID"),
        (f"{SLACK}?verify=no", "DESTINATION_URL_INVALID"),
        (f"{SLACK}?retry=5", "DESTINATION_URL_INVALID"),
        (f"{SLACK}?redirect=yes", "DESTINATION_URL_INVALID"),
        (f"{SLACK}\r\nHost: x", "DESTINATION_URL_INVALID"),
        (f"{SLACK} ", "DESTINATION_URL_INVALID"),
        (f"{SLACK}ä", "DESTINATION_URL_INVALID"),
        ("tgram://123456789:abcdefg_hijklmnop/", "DESTINATION_URL_INVALID"),
        ("tgram://123456789:abcdefg_hijklmnop/1/2", "DESTINATION_URL_INVALID"),
        ("ntfys://ntfy.example.org/a/b", "DESTINATION_URL_INVALID"),
        ("matrixs://ann:password@matrix.example.org/!room:example.org", "DESTINATION_URL_INVALID"),
        ("matrixs://token@matrix.example.org/#alias:example.org", "DESTINATION_URL_INVALID"),
        ("https://evil.example.org/workflows/1/triggers/manual/paths/invoke?sig=1", "DESTINATION_URL_INVALID"),
        ("ntfys://127.0.0.1/topic", "DESTINATION_ADDRESS_PRIVATE"),
        ("ntfy://127.1/topic", "DESTINATION_URL_INVALID"),
        ("tgram://123456789:abcdefg_hijklmnop/1/@not-a-chat", "DESTINATION_URL_INVALID"),
        ("ntfy://2130706433/topic", "DESTINATION_ADDRESS_PRIVATE"),
        ("ntfy://0x7f000001/topic", "DESTINATION_ADDRESS_PRIVATE"),
        ("ntfys://[::1]/topic", "DESTINATION_ADDRESS_PRIVATE"),
        ("ntfys://[::ffff:10.0.0.1]/topic", "DESTINATION_ADDRESS_PRIVATE"),
        ("ntfys://localhost/topic", "DESTINATION_ADDRESS_PRIVATE"),
        ("ntfys://metadata.google.internal/topic", "DESTINATION_ADDRESS_PRIVATE"),
        ("gotifys://169.254.169.254/tokenabc", "DESTINATION_ADDRESS_PRIVATE"),
        ("gotifys://10.0.0.7/tokenabc", "DESTINATION_ADDRESS_PRIVATE"),
        ("mmosts://192.168.1.5/3ccdd113474722377935511fc85d3dd4", "DESTINATION_ADDRESS_PRIVATE"),
        ("matrixs://token@172.16.0.1/!room:example.org", "DESTINATION_ADDRESS_PRIVATE"),
        ("ntfys://intranet/topic", "DESTINATION_ADDRESS_PRIVATE"),
    ],
)
async def test_an_address_that_will_not_do_is_refused_and_not_told_back(
    client: Client, peers: fakes.Peers, url: str, reason: str
) -> None:
    error = await refusal(create(client, url=url))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason)
    assert [one.field for one in error.violations] == ["destination.url"]
    assert error.hint
    assert SECRET not in str(error) + error.violations[0].description + error.hint
    assert peers.reader.destinations == {}


async def test_an_address_that_is_too_long_is_refused_by_the_contract(client: Client) -> None:
    error = await refusal(create(client, url=f"{SLACK}?x={'y' * 2048}"))
    assert (error.code, [one.field for one in error.violations]) == (Code.INVALID_ARGUMENT, ["destination.url"])
    assert SECRET not in str(error)


@pytest.mark.parametrize("name", ["", "ops slack", "-ops", "a/b", "x" * 65, "öps", "https://x.y"])
async def test_a_name_that_is_none_is_refused(client: Client, name: str) -> None:
    error = await refusal(create(client, name))
    assert (error.code, error.violations[0].field) == (Code.INVALID_ARGUMENT, "destination.name")


async def test_without_a_key_to_encrypt_with_nothing_is_registered(client: Client, peers: fakes.Peers) -> None:
    peers.delivery.environment = {}
    error = await refusal(create(client))
    assert (error.code, error.reason) == (Code.FAILED_PRECONDITION, "DESTINATIONS_OFF")
    assert "PULSE_APPRISE_KEYS" in error.hint


async def test_in_production_an_address_without_tls_is_refused_unless_its_network_is_allowed(
    client: Client, peers: fakes.Peers
) -> None:
    peers.delivery.environment |= {"PULSE_ENV": "production"}
    error = await refusal(create(client, url="ntfy://ntfy.example.org/topic"))
    assert error.reason == "DESTINATION_INSECURE"
    peers.delivery.environment |= {"PULSE_APPRISE_PRIVATE_NETWORKS": "10.0.0.0/8"}
    assert (await create(client, url="ntfy://10.1.2.3/topic")).host == "10.1.2.3"
    assert (await refusal(create(client, "b", "ntfy://192.168.1.1/topic"))).reason == "DESTINATION_ADDRESS_PRIVATE"


async def test_only_who_administers_registers_or_sees_destinations(
    serve: Callable[..., Any], peers: fakes.Peers, tmp_path: Path
) -> None:
    scopes = {"root": ["administer"], "clerk": ["send", "read", "templates", "operate", "keys"]}
    keys = [
        {"tenant": "acme", "name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), "scopes": held}
        for name, held in scopes.items()
    ]
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(keys))
    client = await serve(PULSE_AUTH="required", PULSE_GATEWAY_API_KEYS_FILE=str(path))
    clerk = [("authorization", "Bearer clerk")]
    await create(client, headers=[("authorization", "Bearer root")])
    assert [*peers.reader.destinations] == [("acme", "ops-slack")]
    stub = client.destinations
    for call in (
        create(client, "b", headers=clerk),
        stub.UpdateDestination(api.UpdateDestinationRequest(destination=Destination(name="a")), metadata=clerk),
        stub.GetDestination(api.GetDestinationRequest(name="ops-slack"), metadata=clerk),
        stub.ListDestinations(api.ListDestinationsRequest(), metadata=clerk),
        stub.DeleteDestination(api.DeleteDestinationRequest(name="ops-slack"), metadata=clerk),
    ):
        error = await refusal(call)
        assert (error.code, error.metadata) == (Code.PERMISSION_DENIED, {"scope": "administer"})


async def test_a_request_names_a_destination_and_it_goes_on_by_its_name(client: Client, peers: fakes.Peers) -> None:
    await create(client)
    await client.send(**CHAT)
    (submission,) = peers.router.submissions
    assert (submission.asked.channel, submission.asked.to) == (enums_pb2.CHAT, "ops-slack")
    assert SECRET not in str(submission)


@pytest.mark.parametrize(
    ("to", "code", "reason"),
    [
        (SLACK, Code.INVALID_ARGUMENT, "DESTINATION_IS_A_URL"),
        ("https://hooks.slack.com/services/T/B/x", Code.INVALID_ARGUMENT, "DESTINATION_IS_A_URL"),
        ("file:///etc/passwd", Code.INVALID_ARGUMENT, "DESTINATION_IS_A_URL"),
        ("json://127.0.0.1", Code.INVALID_ARGUMENT, "DESTINATION_IS_A_URL"),
        ("", Code.INVALID_ARGUMENT, "INVALID_FIELDS"),
        ("ops slack", Code.INVALID_ARGUMENT, "DESTINATION_NAME_INVALID"),
        ("#general", Code.INVALID_ARGUMENT, "DESTINATION_NAME_INVALID"),
        ("ann@example.com", Code.INVALID_ARGUMENT, "DESTINATION_NAME_INVALID"),
        ("+4915112345678", Code.INVALID_ARGUMENT, "DESTINATION_NAME_INVALID"),
        ("../ops-slack", Code.INVALID_ARGUMENT, "DESTINATION_NAME_INVALID"),
        ("x" * 65, Code.INVALID_ARGUMENT, "DESTINATION_NAME_INVALID"),
        ("öps", Code.INVALID_ARGUMENT, "DESTINATION_NAME_INVALID"),
        ("ops-slack\n", Code.INVALID_ARGUMENT, "ADDRESS_CONTROL_CHARACTER"),
        ("ops\0slack", Code.INVALID_ARGUMENT, "ADDRESS_CONTROL_CHARACTER"),
        ("OPS-SLACK", Code.NOT_FOUND, "DESTINATION_UNKNOWN"),
        ("nobody", Code.NOT_FOUND, "DESTINATION_UNKNOWN"),
    ],
)
async def test_an_address_or_an_unknown_name_is_refused(
    client: Client, peers: fakes.Peers, to: str, code: Code, reason: str
) -> None:
    await create(client)
    error = await refusal(client.send(**{**CHAT, "to": to}))
    assert (error.code, error.reason) == (code, reason)
    assert to in ("", "nobody") or to not in str(error)
    assert not peers.router.submissions


async def test_another_tenants_destination_is_unknown(client: Client, peers: fakes.Peers) -> None:
    peers.reader.destinations["acme", "ops-slack"] = Destination(name="ops-slack", kind="slack"), b"sealed"
    assert (await refusal(client.send(**CHAT))).reason == "DESTINATION_UNKNOWN"


async def test_a_fallback_is_looked_at_too(client: Client, peers: fakes.Peers) -> None:
    fallback = notification_service_pb2.SendNotificationRequest().fallbacks.add(channel=enums_pb2.CHAT, to="nobody")
    both = fakes.template("both", enums_pb2.EMAIL, "{{ text }}", subject="Alert")
    both.contents.add(channel=enums_pb2.CHAT, body="{{ text }}")
    peers.store(both)
    error = await refusal(client.send(template_name="both", context={"text": "x"}, fallbacks=[fallback]))
    assert (error.reason, error.metadata["field"]) == ("DESTINATION_UNKNOWN", "fallbacks[0].to")


async def test_one_that_is_registered_or_gone_a_moment_ago_counts_at_once(client: Client) -> None:
    assert (await refusal(client.send(**CHAT))).reason == "DESTINATION_UNKNOWN"
    await create(client)
    await client.send(**CHAT)
    await client.destinations.DeleteDestination(api.DeleteDestinationRequest(name="ops-slack"))
    assert (await refusal(client.send(**CHAT))).reason == "DESTINATION_UNKNOWN"


@pytest.mark.parametrize(
    ("url", "fits", "too_long"),
    [
        (DISCORD, "x" * 1990, "x" * 1991),  # **Alert** and a line end
        (DISCORD, "*" * 995, "*" * 996),
        ("ntfy://topic", "ä" * 2045, "ä" * 2046),
        ("tgram://123456789:abcdefg_hijklmnop/12315544", "<" * 4090, "\U0001f600" * 2046),
        (SLACK, "<" * 8748, "<" * 8749),
        ("mmosts://mm.example.org/3ccdd113474722377935511fc85d3dd4", "@a " * 990, "@a " * 1000),
    ],
)
async def test_what_its_kind_cannot_carry_is_refused_and_nothing_is_cut(
    client: Client, peers: fakes.Peers, url: str, fits: str, too_long: str
) -> None:
    await create(client, url=url)
    await client.send(**{**CHAT, "context": {"text": fits}})
    error = await refusal(client.send(**{**CHAT, "context": {"text": too_long}}))
    assert (error.reason, [one.field for one in error.violations]) == ("CHAT_TOO_LONG", ["context"])
    assert len(peers.router.submissions) == 1


@pytest.mark.parametrize("text", ["", " \n", "\u200b", "\u2800"])
async def test_what_shows_nothing_is_refused(client: Client, text: str) -> None:
    await create(client)
    assert (await refusal(client.send(**{**CHAT, "context": {"text": text}}))).reason == "CHAT_EMPTY"


@pytest.fixture
async def rest(serve: Callable[..., Any], tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the edge."""
    plan = make_plan(tmp_path)
    await serve(PULSE_LISTEN=plan.ports.address("grpc"))
    async with edge(plan) as client:
        yield client


async def test_all_of_it_works_by_rest(rest: httpx.AsyncClient) -> None:
    made = await rest.post("/v1/destinations", json={"name": "ops-slack", "url": SLACK})
    assert (made.status_code, made.json()["kind"]) == (200, "slack")
    assert SECRET not in made.text
    changed = await rest.put("/v1/destinations/ops-slack", json={"url": DISCORD})
    assert (changed.status_code, changed.json()["host"]) == (200, "discord.com")
    assert [one["name"] for one in (await rest.get("/v1/destinations")).json()["destinations"]] == ["ops-slack"]
    assert (await rest.get("/v1/destinations/ops-slack")).json()["fingerprint"] == changed.json()["fingerprint"]
    sent = {"user_id": "u-1", "template_name": "ops", "channel": "chat", "to": "ops-slack", "context": {"text": "Hi"}}
    assert (await rest.post("/v1/notifications", json=sent)).status_code == 200
    unknown = await rest.post("/v1/notifications", json={**sent, "to": "nobody"})
    assert (unknown.status_code, unknown.json()["details"][0]["reason"]) == (404, "DESTINATION_UNKNOWN")
    assert (await rest.delete("/v1/destinations/ops-slack")).status_code == 200
    refused = await rest.post("/v1/destinations", json={"name": "x", "url": "file:///etc/passwd"})
    assert (refused.status_code, refused.json()["details"][0]["reason"]) == (400, "DESTINATION_URL_INVALID")
