"""No error is lost for its length: what crosses the wire stays under 4 KiB and says as much as fits."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterator
from typing import Any

import grpc.aio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pulse.router.v1 import router_service_pb2 as pb
from pulse.router.v1 import router_service_pb2_grpc as rpc
from pulse_client import errors as client_errors
from shared.errors import Code, PulseError, QuotaViolation, Violation, invalid, not_found
from shared.rpc.serving import Server
from shared.rpc.statuses import from_rpc_error, from_status, to_status
from shared.text.error_bounds import fit, percent_bytes, quoted, utf8_bytes

#: What a call's trailers may take: name, value as it travels, and HTTP/2's 32 bytes for each.
MOST_BYTES = 4096
#: Room for the fields that tell limits, which come beside an error.
LIMIT_FIELDS = 300

SIGNS = st.sampled_from(["x", "é", "\U0001f600", "\x01", "%", "\u2028", "\x85", " ", "\n", "\udc00", '"', "\\"])
#: Short, long and very long texts of every kind of character.
TEXTS = st.one_of(
    st.text(st.characters(codec=None), max_size=20),
    st.builds(lambda begin, sign, length: begin + sign * length, st.text(max_size=5), SIGNS, st.integers(1, 30_000)),
)
ERRORS = st.builds(
    PulseError,
    code=st.sampled_from(list(Code)),
    reason=TEXTS,
    message=TEXTS,
    hint=TEXTS,
    violations=st.lists(st.builds(Violation, TEXTS, TEXTS), max_size=30),
    quotas=st.lists(st.builds(QuotaViolation, TEXTS, TEXTS, st.integers(0, 2**63 - 1)), max_size=30),
    retry_after=st.none() | st.floats(0, 1e9),
    metadata=st.dictionaries(TEXTS, TEXTS, max_size=10),
)
WIDE = settings(max_examples=150, suppress_health_check=list(HealthCheck))


def size(refused: grpc.aio.AioRpcError) -> int:
    """What the trailers of a refused call take on the wire."""
    fields = [("grpc-message", percent_bytes(refused.details() or "")), ("grpc-status", 2)]
    for key, value in refused.trailing_metadata():
        fields.append((key, len(base64.b64encode(value)) if isinstance(value, bytes) else len(value)))
    return sum(len(key) + length + 32 for key, length in fields)


@WIDE
@given(ERRORS)
def test_any_error_is_the_same_after_any_number_of_hops(error: PulseError) -> None:
    seen = from_status(to_status(error))
    assert from_status(to_status(seen)) == seen
    assert seen.code is error.code
    assert bool(seen.violations) == bool(error.violations), "the first is always named"


@given(TEXTS, st.integers(20, 300), st.sampled_from([utf8_bytes, percent_bytes]))
def test_a_text_is_cut_with_a_mark_and_only_if_it_must_be(text: str, most: int, measure: Any) -> None:
    cut = fit(text, most, measure)
    assert measure(cut) <= most
    assert fit(cut, most, measure) == cut
    assert cut.endswith("…") or len(cut) == len(text.strip())
    assert not any(ord(sign) < 32 or sign in "\x7f\x85\u2028\u2029" for sign in cut)


def test_a_text_that_fits_is_left_as_it_is() -> None:
    assert fit("ein ganz gewöhnlicher Satz", 100) == "ein ganz gewöhnlicher Satz"
    assert (quoted("welcome"), quoted("x\ny"), quoted("x" * 101)) == ("'welcome'", r"'x\ny'", f"'{'x' * 99}…'")


def test_forty_violations_are_counted_and_the_first_are_named() -> None:
    error = from_status(to_status(invalid([Violation(f"requests[{n}].to", "is required") for n in range(40)])))
    assert error.message.startswith("40 fields break their rules, the first of them requests[0].to: is required; ")
    assert [violation.field for violation in error.violations][:10] == [f"requests[{n}].to" for n in range(10)]
    assert error.metadata == {"violations": "40"}


def test_a_few_violations_are_all_named_in_the_message() -> None:
    error = invalid([Violation("a", "is required"), Violation("b", "is no number")])
    assert (error.message, error.metadata) == ("a: is required; b: is no number", {})


def test_a_name_that_is_not_found_is_quoted_in_part() -> None:
    assert not_found("template", "x" * 30_000).message == f"there is no template '{'x' * 99}…'"
    assert not_found("FRAGMENT", "footer", 3).message == "there is no version 3 of the fragment 'footer'"


class Router(rpc.RouterServiceServicer):
    """Ends each call with the error it was given last."""

    error: PulseError

    async def Submit(self, request: pb.SubmitRequest, context: Any) -> pb.SubmitResponse:
        raise self.error


@pytest.fixture(scope="module")
def refused() -> Iterator[Callable[[PulseError], grpc.aio.AioRpcError]]:
    """What a plain client, with gRPC's own bounds on metadata, is told by a real server that raises an error."""
    router = Router()

    async def serve() -> Server:
        server = Server("127.0.0.1:0", [], reflect=False, drain_seconds=0)
        rpc.add_RouterServiceServicer_to_server(router, server.grpc)
        await server.start()
        return server

    async def call(channel: grpc.aio.Channel) -> grpc.aio.AioRpcError:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rpc.RouterServiceStub(channel).Submit(pb.SubmitRequest(), timeout=10)
        return caught.value

    async def connect(port: int) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(f"127.0.0.1:{port}")

    with asyncio.Runner() as runner:
        server = runner.run(serve())
        channel = runner.run(connect(server.port))

        def ask(error: PulseError) -> grpc.aio.AioRpcError:
            router.error = error
            return runner.run(call(channel))

        yield ask
        runner.run(channel.close())
        runner.run(server.stop())


@WIDE
@given(error=ERRORS)
def test_any_error_comes_whole_through_a_real_server_in_trailers_of_4_kib(refused: Any, error: PulseError) -> None:
    caught = refused(error)
    assert size(caught) <= MOST_BYTES - LIMIT_FIELDS
    assert from_rpc_error(caught) == from_status(to_status(error))
    assert client_errors.from_rpc_error(caught).code.value[0] == error.code.value
