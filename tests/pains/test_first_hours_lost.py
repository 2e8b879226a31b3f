"""A long outage loses the oldest: it is kept up to a limit, then refused in the way that stock exporters retry."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import grpc
import pytest

from tests.agent.clients import post_grpc
from tests.agent.test_delivery import ledger, wait_until
from tests.support.otlp_messages import make_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.agent_process import AgentProcess
    from tests.support.otlp_messages import SpanKey
    from tests.support.otlp_sink import OtlpSink


def test_a_full_spool_answers_503_with_retry_after_then_recovers(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink
) -> None:
    sink.stop()
    flags = ("--spool-max-bytes", "512KiB", "--spool-segment-bytes", "64KiB", "--batch-wait", "10ms")
    agent = make_agent(*flags, exports=[f"otlp={sink.endpoint}"]).start()
    keys = fill(agent)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(
            urllib.request.Request(
                agent.traces_url, make_request(100)[0], {"content-type": "application/x-protobuf"}, method="POST"
            )
        )
    with refused.value as reply:
        assert reply.code == 503
        assert float(reply.headers["retry-after"]) > 0
    with pytest.raises(grpc.RpcError) as unavailable:
        post_grpc(agent.grpc_port, make_request(100)[0])
    assert unavailable.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "google.rpc.retryinfo-bin" in dict(
        unavailable.value.trailing_metadata()
    ) or "grpc-status-details-bin" in dict(unavailable.value.trailing_metadata())
    status, body = agent.get("/readyz")
    assert status == 503
    assert "the spool is full" in body
    sink.start()
    sink.wait_for_spans(len(keys), timeout=40)
    wait_until(lambda: agent.get("/readyz")[0] == 200)
    assert agent.post(make_request(100)[0]) == 200
    wait_until(lambda: ledger(agent)["exported"] == len(keys) + 100)
    assert keys <= sink.delivered().keys()


def fill(agent: AgentProcess) -> set[SpanKey]:
    """Post until the agent refuses, which is ready until then; return what it took."""
    keys: set[SpanKey] = set()
    for _ in range(200):
        body, part = make_request(100)
        if agent.post(body) != 200:
            return keys
        assert agent.get("/readyz")[0] == 200
        keys.update(part)
    raise AssertionError("the spool never filled")
