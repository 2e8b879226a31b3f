"""The native receivers as Python sees them: real exporters in, the spool out."""

from __future__ import annotations

import errno
import gzip
import http.client
import json
import socket
import stat
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from pyspan._core import Batch, OtlpClient, Receivers, Spool
from tests.support.otlp_messages import make_request
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.sdk.trace.export import SpanExporter

MIB = 1 << 20


class Rig:
    """Receivers on free ports with a spool of their own."""

    def __init__(self, folder: Path, *, max_bytes: int = 64 * MIB, max_body_bytes: int = MIB) -> None:
        self.spool = Spool(str(folder / "spool"), segment_bytes=MIB, max_bytes=max_bytes, fsync="never")
        self.reader = self.spool.reader("test")
        self.path = folder / "otlp.sock"
        self.receivers = Receivers(
            self.spool,
            otlp_http=f"127.0.0.1:{free_port()}",
            otlp_grpc=f"127.0.0.1:{free_port()}",
            socket=str(self.path),
            max_body_bytes=max_body_bytes,
            max_connections=64,
            threads=2,
        )
        self.bound = self.receivers.start()

    def post(self, body: bytes, **headers: str) -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection(self.bound["otlp_http"], timeout=10)) as connection:
            head = {"content-type": "application/x-protobuf"}
            head |= {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("POST", "/v1/traces", body, head)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def stored(self) -> list[tuple[str, str]]:
        ids: list[tuple[str, str]] = []
        while (read := self.reader.read(10_000, 64 * MIB)) is not None:
            ids += read[0].span_ids()
        return ids

    def count(self, name: str) -> int:
        return self.receivers.stats()[name]


@contextmanager
def running(rig: Rig) -> Iterator[Rig]:
    try:
        yield rig
    finally:
        rig.receivers.stop(2.0)
        rig.spool.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with running(Rig(tmp_path)) as started:
        yield started


def test_what_is_acknowledged_is_in_the_spool_whole_and_in_order(rig: Rig) -> None:
    first, second = make_request(20), make_request(7)
    assert rig.post(first[0]) == (200, b"")
    assert rig.post(gzip.compress(second[0]), content_encoding="gzip") == (200, b"")
    assert rig.stored() == first[1] + second[1]
    assert rig.count("otlp_http.accepted_spans") == 27
    assert rig.count("otlp_http.accepted_bytes") == len(first[0]) + len(second[0])


def test_json_is_stored_as_the_protobuf_it_stands_for(rig: Rig) -> None:
    span = {"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "eee19b7ec3c1b174", "name": "op", "kind": 2}
    request = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    status, body = rig.post(json.dumps(request).encode(), content_type="application/json")
    assert (status, json.loads(body)) == (200, {})
    assert rig.stored() == [("5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174")]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8e"}]}]}]}', b'{"a":"\xff"}'],
    ids=["empty", "cut off", "no object", "a short id", "no UTF-8"],
)
def test_malformed_json_is_refused_with_a_reason_in_json(rig: Rig, body: bytes) -> None:
    status, answer = rig.post(body, content_type="application/json")
    refusal = json.loads(answer)
    assert (status, refusal["code"]) == (400, 3)
    assert refusal["message"]
    assert rig.stored() == []


@pytest.mark.parametrize("protocol", ["http", "http gzip", "grpc", "grpc gzip"])
def test_the_published_exporters_deliver_every_span(rig: Rig, protocol: str) -> None:
    exporter = published_exporter(rig, protocol)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    made = []
    for number in range(10):
        with provider.get_tracer("tests").start_as_current_span(f"op-{number}") as span:
            context = span.get_span_context()
            made.append((f"{context.trace_id:032x}", f"{context.span_id:016x}"))
    provider.shutdown()
    assert rig.stored() == made


def published_exporter(rig: Rig, protocol: str) -> SpanExporter:
    if protocol.startswith("http"):
        compression = Compression.Gzip if protocol.endswith("gzip") else None
        return HttpExporter(f"http://{rig.bound['otlp_http']}/v1/traces", compression=compression)
    packed = grpc.Compression.Gzip if protocol.endswith("gzip") else None
    return GrpcExporter(rig.bound["otlp_grpc"], insecure=True, compression=packed)


def test_a_real_grpc_client_over_the_unix_socket(rig: Rig) -> None:
    data, keys = make_request(3)
    request = trace_service_pb2.ExportTraceServiceRequest.FromString(data)
    # gRPC's C library names the socket's path as authority, which is none, and which HTTP/2 servers may refuse
    authority = (("grpc.default_authority", "localhost"),)
    with grpc.insecure_channel(f"unix://{rig.path}", options=authority) as channel:
        stub = trace_service_pb2_grpc.TraceServiceStub(channel)  # type: ignore[no-untyped-call]
        response = stub.Export(request, timeout=5)
    assert response == trace_service_pb2.ExportTraceServiceResponse()
    assert rig.stored() == keys


@pytest.mark.parametrize(
    "body",
    [b"\xff", b"\x0a\x05ab", make_request(3)[0][:-1], b"\x0a\x06\x12\x04\x12\x02\x0a\x00"],
    ids=["no protobuf", "a length beyond the body", "cut off", "an empty trace id"],
)
def test_malformed_bodies_are_refused_with_a_reason_over_both_protocols(rig: Rig, body: bytes) -> None:
    status, reason = rig.post(body)
    assert status == 400
    assert len(reason) > 10
    with grpc.insecure_channel(rig.bound["otlp_grpc"]) as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as refused:
            export(body, timeout=5)
    error = refused.value
    assert isinstance(error, grpc.Call)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error.details().encode() in reason
    assert rig.stored() == []
    assert rig.count("otlp_http.refused.malformed") == rig.count("otlp_grpc.refused.malformed") == 1


def test_a_full_spool_refuses_in_a_way_that_clients_retry(tmp_path: Path) -> None:
    with running(Rig(tmp_path, max_bytes=4 * MIB)) as rig:
        data = make_request(2000)[0]
        answers = [rig.post(data)[0] for _ in range(30)]
        assert set(answers) == {200, 503}
        assert rig.count("otlp_http.refused.full") == answers.count(503)
        for protocol, endpoint in (
            ("http/protobuf", rig.bound["otlp_http"] + "/v1/traces"),
            ("grpc", rig.bound["otlp_grpc"]),
        ):
            client = OtlpClient(f"http://{endpoint}", protocol=protocol, headers={}, compression="none")  # type: ignore[arg-type]
            reply = client.export(Batch.parse(data), 5.0)
            assert (reply.code, reply.retry_after) == ({"grpc": 14}.get(protocol, 503), 2.0)
        assert len(rig.stored()) == 2000 * answers.count(200)


def test_requests_from_many_threads_are_all_stored_once(rig: Rig) -> None:
    requests = [make_request(50) for _ in range(40)]
    threads = [threading.Thread(target=rig.post, args=(data,)) for data, _ in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(rig.stored()) == sorted(key for _, keys in requests for key in keys)


def test_the_socket_is_the_owners_alone(rig: Rig) -> None:
    assert stat.S_IMODE(rig.path.stat().st_mode) == 0o600
    client = OtlpClient(f"unix://{rig.path}", protocol="http/protobuf", headers={}, compression="zstd")
    data, keys = make_request(5)
    assert client.export(Batch.parse(data), 5.0).kind == "ok"
    assert rig.stored() == keys


def test_stop_closes_the_ports_and_keeps_the_counts(rig: Rig) -> None:
    rig.post(make_request(3)[0])
    assert rig.receivers.stop(5.0)
    assert rig.receivers.stop(5.0)
    host, port = rig.bound["otlp_http"].split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=1)
    assert not rig.path.exists()
    assert rig.count("otlp_http.accepted_spans") == 3


def test_an_address_in_use_is_an_os_error_with_advice(rig: Rig, tmp_path: Path) -> None:
    taken = rig.bound["otlp_http"]
    limits = {"max_body_bytes": MIB, "max_connections": 9, "threads": 1}
    second = Receivers(rig.spool, otlp_http=taken, otlp_grpc=None, socket=None, **limits)
    with pytest.raises(OSError, match=f"cannot listen on {taken}: .*choose another address") as error:
        second.start()
    assert error.value.errno == errno.EADDRINUSE
    assert second.stats() == {}
    with pytest.raises(RuntimeError, match="started before"):
        rig.receivers.start()
