"""A trace store shows one of our traces: what came out of the Collector, in Zipkin's own form."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.integration.canonical import Canonical, from_proto
from tests.integration.messages import plain
from tests.integration.reading import key_of, wait_for
from tests.integration.senders import send
from tests.support.agent_process import AgentProcess
from tools.components.collector import Collector
from tools.components.zipkin import Zipkin

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

KINDS = {2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}


def test_zipkin_shows_a_trace_that_went_through_the_agent(zipkin: Zipkin, collector: Collector, tmp_path: Path) -> None:
    request = plain(4)
    sent = {key_of(span): span for span in from_proto(request)}
    with AgentProcess(tmp_path, exports=[f"otlp={collector.traces_url}"]) as agent:
        send(request, "http", agent.http_port)
        assert agent.stop(60.0) == 0
    arrived, _ = wait_for(collector.spans_file, set(sent))
    _post(zipkin, [_zipkin_span(span) for span in arrived.values()])
    (trace_id,) = {trace_id for trace_id, _ in sent}
    shown = _trace(zipkin, trace_id, len(sent))
    assert {(span["traceId"], span["id"]) for span in shown} == set(sent)
    assert {span["name"] for span in shown} == {span["name"] for span in sent.values()}
    assert {span["localEndpoint"]["serviceName"] for span in shown} == {"load"}


def _zipkin_span(span: Canonical) -> dict[str, Any]:
    found = {
        "traceId": span["trace_id"],
        "id": span["span_id"],
        "parentId": span["parent_span_id"] or None,
        "name": span["name"],
        "kind": KINDS.get(span["kind"]),
        "timestamp": span["start_ns"] // 1000,
        "duration": max(1, (span["end_ns"] - span["start_ns"]) // 1000),
        "localEndpoint": {"serviceName": span["resource"]["service.name"][1]},
        "tags": {key: str(value) for key, (_, value) in span["attributes"].items()},
    }
    return {key: value for key, value in found.items() if value is not None}


def _post(zipkin: Zipkin, spans: list[dict[str, Any]]) -> None:
    headers = {"content-type": "application/json"}
    post = urllib.request.Request(f"{zipkin.url}/api/v2/spans", data=json.dumps(spans).encode(), headers=headers)
    with urllib.request.urlopen(post, timeout=10) as reply:
        assert reply.status == 202


def _trace(zipkin: Zipkin, trace_id: str, spans: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 30.0
    found: list[dict[str, Any]] = []
    while len(found) < spans and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{zipkin.url}/api/v2/trace/{trace_id}", timeout=10) as reply:
                found = json.loads(reply.read())
        except urllib.error.HTTPError as error:
            error.close()
        time.sleep(0.1)
    return found
