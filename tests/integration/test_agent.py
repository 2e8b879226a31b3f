"""The agent between real peers: every field of every span arrives as it was sent."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.integration.canonical import from_proto
from tests.integration.messages import every_field
from tests.integration.peers import TOPIC, running
from tests.integration.reading import assert_delivered
from tests.integration.senders import PROTOCOLS, send
from tests.support.agent_process import AgentProcess
from tests.support.otlp_messages import make_request
from tools.components.collector import Collector
from tools.components.kafka import Kafka

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

SPANS = 96


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_collector_reads_from_kafka_what_the_agent_was_sent(
    protocol: str, kafka: Kafka, kafka_collector: Collector, tmp_path: Path
) -> None:
    request = every_field(SPANS)
    with AgentProcess(tmp_path, exports=[f"kafka={kafka.bootstrap}/{TOPIC}"]) as agent:
        send(request, protocol, _port(agent, protocol))
        assert agent.stop(60.0) == 0
    assert_delivered(list(from_proto(request)), kafka_collector.spans_file)


def test_a_large_resource_of_very_many_traces_takes_the_memory_of_a_few_records(kafka: Kafka, tmp_path: Path) -> None:
    request = ExportTraceServiceRequest.FromString(make_request(1024, service="x" * 900_000)[0])
    for span in request.resource_spans[0].scope_spans[0].spans:
        span.trace_id = secrets.token_bytes(16)
    with AgentProcess(tmp_path, exports=[f"kafka={kafka.bootstrap}/large_resource"]) as agent:
        assert agent.post(request.SerializeToString()) == 200
        agent.wait_ready(path="/readyz")
        deadline = time.monotonic() + 200
        while agent.status()["exporters"][0]["ledger"]["exported"] < 1024:
            assert time.monotonic() < deadline, agent.status()
            time.sleep(0.2)
        assert agent.peak_rss_bytes() < 400 << 20, "the records of all traces together are 900 MB"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("received_by", PROTOCOLS)
def test_the_collector_receives_from_the_agent_what_the_agent_was_sent(
    protocol: str, received_by: str, collector: Collector, tmp_path: Path
) -> None:
    request = every_field(SPANS)
    exports = {"http": f"otlp={collector.traces_url}", "grpc": f"otlp-grpc={collector.grpc_address}"}
    with AgentProcess(tmp_path, exports=[exports[received_by]]) as agent:
        send(request, protocol, _port(agent, protocol))
        assert agent.stop(60.0) == 0
    assert_delivered(list(from_proto(request)), collector.spans_file)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_the_agent_receives_from_the_collector_what_the_collector_was_sent(
    protocol: str, compression: str, tmp_path: Path
) -> None:
    request = every_field(SPANS)
    written = tmp_path / "spans.jsonl"
    with (
        AgentProcess(tmp_path, exports=[f"file={written}"]) as agent,
        running(Collector(tmp_path, exporters=_to_agent(agent, protocol, compression))) as collector,
    ):
        send(request, "http", collector.http_port)
        assert_delivered(list(from_proto(request)), written)


def _port(agent: AgentProcess, protocol: str) -> int:
    return {"http": agent.http_port, "grpc": agent.grpc_port}[protocol]


def _to_agent(agent: AgentProcess, protocol: str, compression: str) -> dict[str, object]:
    if protocol == "http":
        return {"otlphttp": {"endpoint": f"http://127.0.0.1:{agent.http_port}", "compression": compression}}
    grpc = {"endpoint": f"127.0.0.1:{agent.grpc_port}", "compression": compression, "tls": {"insecure": True}}
    return {"otlp": grpc}
