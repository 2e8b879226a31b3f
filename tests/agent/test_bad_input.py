"""Malformed requests are refused with a reason, nothing of them is stored, and the agent lives on."""

from __future__ import annotations

import base64
import contextlib
import gzip
import http.client
import json
import secrets
import socket
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import cramjam
import grpc
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.agent.clients import post_grpc, send_raw
from tests.agent.test_delivery import ledger, wait_until
from tests.support.otlp_messages import make_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.agent_process import AgentProcess
    from tests.support.otlp_sink import OtlpSink

MEMORY_FOR_BODIES = 256 << 20
GOOD, GOOD_KEYS = make_request(3)
SPAN_ID = bytes.fromhex(GOOD_KEYS[0][1])
TRACE_ID = bytes.fromhex(GOOD_KEYS[0][0])

MALFORMED = {
    "truncated": GOOD[:-1],
    "half": GOOD[: len(GOOD) // 2],
    "random": secrets.token_bytes(1000),
    "length beyond the body": b"\x0a\xff\xff\xff\xff\x0f",
    "wrong wire type": b"\x0d\x00\x00\x00\x00",
    "group": b"\x0b\x0c",
    "overlong varint": b"\x0a" + b"\xff" * 11,
    "invalid UTF-8": GOOD.replace(b"orders", b"\xff\xfeders"),
}


def post(agent: AgentProcess, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    request = urllib.request.Request(agent.traces_url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_protobuf_is_refused_by_http_and_grpc(name: str, agent: AgentProcess) -> None:
    status, reason = post(agent, MALFORMED[name], {"content-type": "application/x-protobuf"})
    assert status == 400
    assert len(reason) > 5
    with pytest.raises(grpc.RpcError) as refused:
        post_grpc(agent.grpc_port, MALFORMED[name])
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert ledger(agent)["accepted"] == 0


BAD_IDS = {
    "span id of seven bytes": (TRACE_ID, SPAN_ID[:7]),
    "trace id of fifteen bytes": (TRACE_ID[:15], SPAN_ID),
    "span id of zeros": (TRACE_ID, bytes(8)),
    "trace id of zeros": (bytes(16), SPAN_ID),
}


def with_ids(trace_id: bytes, span_id: bytes) -> tuple[bytes, bytes]:
    """Encode a request that is sound but for these ids of its second span, as protobuf and as JSON."""
    request = ExportTraceServiceRequest.FromString(GOOD)
    span = request.resource_spans[0].scope_spans[0].spans[1]
    span.trace_id, span.span_id = trace_id, span_id
    plain = json_format.MessageToDict(request)
    for written in plain["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for key in ("traceId", "spanId"):
            written[key] = base64.b64decode(written[key]).hex()  # OTLP's JSON has ids in hex, protobuf's in base64
    return request.SerializeToString(), json.dumps(plain).encode()


@pytest.mark.parametrize("name", BAD_IDS)
def test_an_id_of_the_wrong_length_or_of_zeros_is_refused_by_each_receiver(name: str, agent: AgentProcess) -> None:
    protobuf, as_json = with_ids(*BAD_IDS[name])
    for body, content_type in ((protobuf, "application/x-protobuf"), (as_json, "application/json")):
        status, reason = post(agent, body, {"content-type": content_type})
        assert (status, name.split(maxsplit=1)[0] in reason.decode(errors="replace")) == (400, True), reason
    with pytest.raises(grpc.RpcError) as refused:
        post_grpc(agent.grpc_port, protobuf)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert ledger(agent)["accepted"] == 0


def test_the_same_requests_with_sound_ids_are_accepted_by_each_receiver(agent: AgentProcess) -> None:
    protobuf, as_json = with_ids(TRACE_ID, SPAN_ID)
    assert post(agent, protobuf, {"content-type": "application/x-protobuf"})[0] == 200
    assert post(agent, as_json, {"content-type": "application/json"})[0] == 200
    post_grpc(agent.grpc_port, protobuf)
    assert ledger(agent)["accepted"] == 9


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_bomb_is_refused_without_its_memory(encoding: str, agent: AgentProcess) -> None:
    post(agent, GOOD, {"content-type": "application/x-protobuf"})
    before = agent.peak_rss_bytes()
    zeros = bytes(300 << 20)
    bomb = gzip.compress(zeros, 1) if encoding == "gzip" else bytes(cramjam.zstd.compress(zeros))
    status, _ = post(agent, bomb, {"content-type": "application/x-protobuf", "content-encoding": encoding})
    assert status in {400, 413}
    assert agent.peak_rss_bytes() - before < 64 << 20
    assert ledger(agent)["accepted"] == 3


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_parallel_bodies_that_unpack_to_their_limit_keep_to_the_memory_for_bodies(
    encoding: str, agent: AgentProcess
) -> None:
    zeros = bytes(15_900_000)
    bomb = gzip.compress(zeros) if encoding == "gzip" else bytes(cramjam.zstd.compress(zeros))
    headers = {"content-type": "application/x-protobuf", "content-encoding": encoding}
    with ThreadPoolExecutor(128) as pool:
        statuses = Counter(status for status, _ in pool.map(lambda _: post(agent, bomb, headers), range(512)))
    assert statuses.keys() <= {400, 503}
    assert statuses[400] > 0
    assert agent.peak_rss_bytes() < 4 * MEMORY_FOR_BODIES
    assert agent.post(GOOD) == 200
    post_grpc(agent.grpc_port, make_request(4)[0])
    assert ledger(agent)["accepted"] == 7


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"not gzip", {"content-type": "application/x-protobuf", "content-encoding": "gzip"}, 400),
        (gzip.compress(GOOD)[:-9], {"content-type": "application/x-protobuf", "content-encoding": "gzip"}, 400),
        (GOOD, {"content-type": "application/x-protobuf", "content-encoding": "br"}, 415),
        (GOOD, {"content-type": "text/plain"}, 415),
        (b'{"resourceSpans": [', {"content-type": "application/json"}, 400),
        (b"[" * 100_000, {"content-type": "application/json"}, 400),
        (b'{"resourceSpans": 5}', {"content-type": "application/json"}, 400),
        (b"\xff\xfe", {"content-type": "application/json"}, 400),
    ],
)
def test_what_is_no_otlp_is_refused(body: bytes, headers: dict[str, str], expected: int, agent: AgentProcess) -> None:
    assert post(agent, body, headers)[0] == expected
    assert ledger(agent)["accepted"] == 0


def test_a_body_above_the_limit_is_refused(agent: AgentProcess) -> None:
    status, _ = post(agent, bytes(17 << 20), {"content-type": "application/x-protobuf"})
    assert status == 413


def test_idle_connections_to_the_admin_port_do_not_hide_its_health(agent: AgentProcess) -> None:
    with contextlib.ExitStack() as idle:
        for _ in range(1_010):
            idle.enter_context(socket.create_connection(("127.0.0.1", agent.admin_port), timeout=10))
        assert agent.get("/livez")[0] == 200


def test_garbage_on_every_port_leaves_the_agent_alive(agent: AgentProcess, sink: OtlpSink) -> None:
    for port in (agent.http_port, agent.grpc_port, agent.admin_port):
        for garbage in (
            secrets.token_bytes(4096),
            b"\r\n" * 1000,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(100),
            b"\x16\x03\x01",
        ):
            send_raw(port, garbage, timeout=0.3)
    assert agent.get("/livez")[0] == 200
    body, keys = make_request(4)
    assert agent.post(body) == 200
    post_grpc(agent.grpc_port, make_request(4)[0])
    sink.wait_for_spans(8)
    assert set(keys) <= sink.delivered().keys()


def test_a_large_resource_of_many_small_spans_is_not_sent_again_for_each_of_them(
    agent: AgentProcess, sink: OtlpSink
) -> None:
    body, keys = make_request(20_000, service="x" * (4 << 20), name="")
    assert len(body) < 12 << 20
    assert agent.post(body) == 200
    sink.wait_for_spans(20_000, timeout=60)
    assert sink.delivered().keys() == set(keys)
    assert sum(len(request.body) for request in sink.requests) < 6 * len(body)


def test_clients_over_the_limit_of_connections_take_the_place_of_idle_ones_or_are_refused_and_counted(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink
) -> None:
    agent = make_agent("--max-connections", "4", exports=[f"otlp={sink.endpoint}"]).start()
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(keep_alive(agent)) for _ in range(6)]
        counted = agent.status()["receivers"]["otlp_http"]
        assert (counted["dismissed_connections"], counted["refused_connections"]) == (2, 0)
        for client in idle[2:]:
            client.putrequest("POST", "/v1/traces")
            client.putheader("content-type", "application/x-protobuf")
            client.putheader("content-length", "1000")
            client.endheaders(b"half a body")
        wait_until(lambda: agent.status()["receivers"]["otlp_http"]["requests"] == 10)
        assert agent.post(GOOD) == 503
        assert agent.status()["receivers"]["otlp_http"]["refused_connections"] == 1
        refused = 'pyspan_agent_receiver_connections_total{outcome="refused",receiver="otlp_http"} 1.0'
        assert refused in agent.get("/metrics")[1]
        wait_until(lambda: "connections refused by otlp_http (all max-connections are in use): 1" in agent.output)


@contextlib.contextmanager
def keep_alive(agent: AgentProcess) -> Iterator[http.client.HTTPConnection]:
    """Post one request and keep the connection."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", agent.http_port, timeout=10)) as client:
        client.request("POST", "/v1/traces", make_request(1)[0], {"content-type": "application/x-protobuf"})
        with client.getresponse() as answer:
            assert (answer.status, answer.read()) == (200, b"")
        yield client
