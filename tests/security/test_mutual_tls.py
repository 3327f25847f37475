"""Roles know each other by certificates, and each may call only what it needs."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pulse.router.v1 import router_service_pb2 as pb
from pulse.router.v1 import router_service_pb2_grpc as rpc
from services.local import certificates
from shared.config import ConfigError, Settings
from shared.errors import Code, PulseError
from shared.rpc.certificates import Certificates
from shared.rpc.channels import OPTIONS, call, open_channel
from shared.rpc.serving import Server
from tests.support import eventually

SERVICE = "pulse.router.v1.RouterService"
Channel = grpc.aio.Channel


class Router(rpc.RouterServiceServicer):
    """Tells whose certificate the caller showed, by its serial number's stand-in: the PEM itself."""

    async def Submit(self, request: pb.SubmitRequest, context: Any) -> pb.SubmitResponse:
        shown = b"".join(context.auth_context().get("x509_pem_cert", ())).decode()
        return pb.SubmitResponse(results=[{"notification_id": shown}])

    async def AwaitUrgent(
        self, requests: AsyncIterator[pb.AwaitUrgentRequest], context: Any
    ) -> AsyncIterator[pb.AwaitUrgentResponse]:
        async for said in requests:
            yield pb.AwaitUrgentResponse(clock_ns=said.clock_ns)


@asynccontextmanager
async def serving(folder: Path, role: str = "router", **options: Any) -> AsyncIterator[Server]:
    files = certificates.files(folder, role)
    server = Server("127.0.0.1:0", [SERVICE], reflect=False, drain_seconds=1, tls=files, **options)
    rpc.add_RouterServiceServicer_to_server(Router(), server.grpc)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def channel(server: Server, folder: Path, role: str = "gateway", to: str = "router") -> Channel:
    return open_channel(f"127.0.0.1:{server.port}", certificates.files(folder, role), to)


async def submit(opened: Channel) -> str:
    """The certificate that the server says was shown to it."""
    answer = await call(rpc.RouterServiceStub(opened).Submit, pb.SubmitRequest(), longest=5)
    return answer.results[0].notification_id


async def refused(opened: Channel) -> PulseError:
    with pytest.raises(PulseError) as caught:
        await call(rpc.RouterServiceStub(opened).Submit, pb.SubmitRequest(), longest=3)
    return caught.value


async def test_a_role_that_may_call_is_answered(made_certificates: Path) -> None:
    async with serving(made_certificates) as server, channel(server, made_certificates) as opened:
        assert await submit(opened)


@pytest.mark.parametrize("role", ["ledger", "worker", "console", "edge", "client"])
async def test_a_role_that_has_no_business_there_is_refused_by_name(role: str, made_certificates: Path) -> None:
    async with serving(made_certificates) as server, channel(server, made_certificates, role) as opened:
        error = await refused(opened)
    assert (error.code, error.reason) == (Code.PERMISSION_DENIED, "CALLER_NOT_ALLOWED")
    assert error.metadata == {"caller": role, "method": f"/{SERVICE}/Submit"}


async def test_a_stream_is_for_the_role_that_may_have_one(made_certificates: Path) -> None:
    async with serving(made_certificates) as server, channel(server, made_certificates, "worker") as opened:
        said = [pb.AwaitUrgentRequest(clock_ns=number) for number in (1, 2)]
        assert [answer.clock_ns async for answer in rpc.RouterServiceStub(opened).AwaitUrgent(said)] == [1, 2]


async def test_a_stream_is_refused_before_anything_is_said(made_certificates: Path) -> None:
    async with serving(made_certificates) as server, channel(server, made_certificates, "gateway") as opened:
        assert await rpc.RouterServiceStub(opened).AwaitUrgent().code() is grpc.StatusCode.PERMISSION_DENIED


async def test_without_a_certificate_there_is_no_connection(made_certificates: Path) -> None:
    authorities = (made_certificates / "ca.crt").read_bytes()
    options = [*OPTIONS, ("grpc.ssl_target_name_override", "router.pulse.internal")]
    async with serving(made_certificates) as server:
        place = f"127.0.0.1:{server.port}"
        async with grpc.aio.secure_channel(place, grpc.ssl_channel_credentials(authorities), options=options) as opened:
            assert (await refused(opened)).code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED)
        async with open_channel(place) as opened:
            assert (await refused(opened)).code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED)


async def test_a_certificate_of_another_authority_is_none(made_certificates: Path, tmp_path: Path) -> None:
    certificates.make(tmp_path / "foreign", dt.datetime.now(dt.UTC))
    mixed = tmp_path / "mixed"
    shutil.copytree(tmp_path / "foreign", mixed)
    shutil.copy(made_certificates / "ca.crt", mixed / "gateway" / "ca.crt")
    async with serving(made_certificates) as server, channel(server, mixed) as opened:
        assert (await refused(opened)).code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED)


async def test_a_server_must_be_the_role_that_was_meant(made_certificates: Path) -> None:
    async with serving(made_certificates, role="ledger") as server, channel(server, made_certificates) as opened:
        assert (await refused(opened)).code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED)


async def test_health_is_told_in_the_clear_on_a_listener_of_its_own(
    made_certificates: Path, free_port: Callable[[], int]
) -> None:
    place = f"127.0.0.1:{free_port()}"
    async with serving(made_certificates, health_listen=place), grpc.aio.insecure_channel(place) as opened:
        answer = await health_pb2_grpc.HealthStub(opened).Check(health_pb2.HealthCheckRequest(service=SERVICE))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rpc.RouterServiceStub(opened).Submit(pb.SubmitRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_renewed_certificates_are_taken_up_without_a_restart(tmp_path: Path) -> None:
    """Both ends: what the server is shown, and what it shows, change with the files."""
    certificates.make(tmp_path, dt.datetime.now(dt.UTC))
    async with serving(tmp_path) as server, channel(server, tmp_path) as opened:
        before = await submit(opened), await shown_by(server, tmp_path)
        certificates.make(tmp_path, dt.datetime.now(dt.UTC), renew=True)
        await eventually(lambda: is_another(submit(opened), before[0]))
        await eventually(lambda: is_another(shown_by(server, tmp_path), before[1]))


async def is_another(shown: Awaitable[Any], before: Any) -> bool:
    return await shown != before


async def shown_by(server: Server, folder: Path) -> bytes:
    """The certificate that the server shows to a new connection, in DER."""
    own = certificates.files(folder, "gateway")
    context = ssl.create_default_context(cafile=own.authorities)
    context.load_cert_chain(own.certificate, own.key)
    context.set_alpn_protocols(["h2"])
    _, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=context, server_hostname="router.pulse.internal"
    )
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return bytes(shown)


def test_a_certificate_without_its_key_is_not_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the two writes of a renewal the pair does not fit: what was whole goes on."""
    monkeypatch.setattr("shared.rpc.certificates.LOOK_SECONDS", 0)
    certificates.make(tmp_path, dt.datetime.now(dt.UTC))
    files = certificates.files(tmp_path, "router")
    watched = Certificates(files)
    whole = watched.current()
    fresh = tmp_path / "fresh"
    certificates.make(fresh, dt.datetime.now(dt.UTC))
    shutil.copy(certificates.files(fresh, "router").key, files.key)
    assert watched.current() == whole
    shutil.copy(certificates.files(fresh, "router").certificate, files.certificate)
    assert watched.current().key == Path(files.key).read_bytes()


def test_files_that_cannot_be_used_end_the_start_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        Certificates(certificates.files(tmp_path, "router"))
    certificates.make(tmp_path, dt.datetime.now(dt.UTC))
    Path(certificates.files(tmp_path, "router").key).write_text("nonsense")
    with pytest.raises(ConfigError, match=r"tls\.key"):
        Certificates(certificates.files(tmp_path, "router"))


def test_half_a_certificate_is_a_mistake_in_the_settings() -> None:
    with pytest.raises(ConfigError, match="PULSE_TLS_KEY_FILE"):
        Settings.load({"PULSE_TLS_CERT_FILE": "/etc/pulse/tls/tls.crt"})


def test_certificates_are_renewed_before_they_end_and_not_earlier(tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    assert certificates.make(tmp_path, now)
    authority = (tmp_path / "ca.crt").read_bytes()
    assert not certificates.make(tmp_path, now + dt.timedelta(days=300))
    assert certificates.make(tmp_path, now + dt.timedelta(days=340))
    assert (tmp_path / "ca.crt").read_bytes() == authority


def test_the_authoritys_key_is_its_owners_alone(tmp_path: Path) -> None:
    certificates.make(tmp_path / "certs", dt.datetime.now(dt.UTC))
    assert (tmp_path / "certs").stat().st_mode & 0o077 == 0
    assert (tmp_path / "certs" / "ca.key").stat().st_mode & 0o077 == 0
