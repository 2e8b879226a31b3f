"""Clients that are not pyspan's: OTLP over HTTP and gRPC with the published schema, and a Kafka reader."""

from __future__ import annotations

import time
import urllib.request
from collections import Counter

import grpc
from aiokafka import AIOKafkaConsumer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from tests.integration.reading import Key
from tests.support.otlp_messages import check_spans

__all__ = ["PROTOCOLS", "read_topic", "send"]

PROTOCOLS = ["http", "grpc"]


def send(request: ExportTraceServiceRequest, protocol: str, port: int) -> None:
    """Send one request to a loopback port and return when it is acknowledged."""
    {"http": _send_http, "grpc": _send_grpc}[protocol](request, port)


def _send_http(request: ExportTraceServiceRequest, port: int) -> None:
    headers = {"content-type": "application/x-protobuf"}
    body = request.SerializeToString()
    post = urllib.request.Request(f"http://127.0.0.1:{port}/v1/traces", data=body, headers=headers)
    with urllib.request.urlopen(post, timeout=10) as reply:
        assert reply.status == 200


def _send_grpc(request: ExportTraceServiceRequest, port: int) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        TraceServiceStub(channel).Export(request, timeout=10)  # type: ignore[no-untyped-call]


async def read_topic(broker: str, topic: str, wanted: set[Key], timeout: float) -> tuple[Counter[Key], set[bytes]]:
    """Read the topic until all wanted spans were in it; how often each span came, and the keys of the records."""
    found: Counter[Key] = Counter()
    keys: set[bytes] = set()
    deadline = time.monotonic() + timeout
    async with AIOKafkaConsumer(topic, bootstrap_servers=broker, auto_offset_reset="earliest") as consumer:
        while not wanted <= found.keys() and time.monotonic() < deadline:
            for records in (await consumer.getmany(timeout_ms=300)).values():
                for record in records:
                    found.update(check_spans(record.value))
                    keys.add(record.key)
    return found, keys
