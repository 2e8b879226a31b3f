"""Spans that come in by each receiver come out at each exporter."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import grpc

from tests.agent.clients import post_grpc, post_unix
from tests.support.otlp_messages import make_request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.agent_process import AgentProcess
    from tests.support.otlp_messages import SpanKey
    from tests.support.otlp_sink import OtlpSink


def ledger(agent: AgentProcess, exporter: int = 0) -> dict[str, int]:
    """Return the spans of one exporter's ledger after checking that it adds up."""
    entry = agent.status()["exporters"][exporter]["ledger"]
    assert entry["balance"] == 0
    known = entry["exported"] + entry["rejected"] + entry["dead_lettered"] + sum(entry["dropped"].values())
    assert entry["accepted"] == known + entry["pending"]
    return dict(entry)


def keys_of_file(path: Path) -> list[SpanKey]:
    """Read the ids out of the file exporter's lines."""
    keys = []
    for line in path.read_text().splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                keys += [(span["traceId"], span["spanId"]) for span in scope["spans"]]
    return keys


def wait_until(condition: Callable[[], bool], timeout: float = 20.0) -> None:
    """Poll until the condition holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def test_http_grpc_and_socket_all_arrive_at_the_backend(agent: AgentProcess, sink: OtlpSink) -> None:
    bodies, keys = zip(*(make_request(20) for _ in range(4)), strict=True)
    assert agent.post(bodies[0]) == 200
    post_grpc(agent.grpc_port, bodies[1])
    post_grpc(agent.grpc_port, bodies[2], compression=grpc.Compression.Gzip)
    assert post_unix(agent.socket, bodies[3]) == 200
    sink.wait_for_spans(80)
    assert sink.delivered().keys() == {key for part in keys for key in part}
    wait_until(lambda: ledger(agent)["exported"] == 80)
    assert sink.requests[0].encoding == "gzip"


def test_spans_arrive_as_they_were_sent(agent: AgentProcess, sink: OtlpSink) -> None:
    body, _ = make_request(5)
    agent.post(body)
    sink.wait_for_spans(5)
    assert sink.requests[0].body == body


def test_each_exporter_gets_everything(make_agent: Callable[..., AgentProcess], sink: OtlpSink, tmp_path: Path) -> None:
    file = tmp_path / "out" / "spans.jsonl"
    file.parent.mkdir()
    with make_agent(exports=[f"otlp={sink.endpoint}", f"file={file}"]) as agent:
        body, keys = make_request(100)
        agent.post(body)
        sink.wait_for_spans(100)
        wait_until(lambda: ledger(agent, 1)["exported"] == 100)
        assert sorted(keys_of_file(file)) == sorted(keys)


def test_agents_chain_over_grpc(make_agent: Callable[..., AgentProcess], sink: OtlpSink) -> None:
    second = make_agent(exports=[f"otlp={sink.endpoint}"], name="second").start()
    first = make_agent(exports=[f"otlp-grpc=127.0.0.1:{second.grpc_port}"], name="first").start()
    body, keys = make_request(50)
    assert first.post(body) == 200
    sink.wait_for_spans(50)
    assert sink.delivered().keys() == set(keys)
    wait_until(lambda: ledger(first)["exported"] == 50)


def test_an_idle_agent_takes_little_memory(agent: AgentProcess) -> None:
    agent.get("/metrics")
    assert agent.rss_bytes() < 60 << 20


def test_an_empty_request_is_accepted_and_stores_nothing(agent: AgentProcess) -> None:
    assert agent.post(b"") == 200
    assert ledger(agent)["accepted"] == 0
