"""The pipeline is dead and health says fine: each exporter has a health of its own, which /readyz tells."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.agent.test_delivery import ledger, wait_until
from tests.support.otlp_messages import make_request
from tests.support.otlp_sink import Answer, OtlpSink

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.agent_process import AgentProcess


def test_a_backend_that_fails_for_long_makes_the_agent_not_ready(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink
) -> None:
    sink.rule = lambda request: Answer(status=503)
    agent = make_agent("--failing-after", "0.5", exports=[f"otlp={sink.endpoint}"]).start()
    agent.post(make_request(1)[0])
    wait_until(lambda: agent.get("/readyz")[0] == 503)
    reasons = json.loads(agent.get("/readyz")[1])["reasons"]
    assert "has delivered nothing for" in reasons[0]
    assert "503" in reasons[0]
    assert agent.get("/livez")[0] == 200
    sink.rule = lambda request: Answer()
    wait_until(lambda: agent.get("/readyz")[0] == 200, timeout=30)


def test_a_backend_that_refuses_every_batch_makes_the_agent_not_ready_until_it_takes_one(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink, tmp_path: Path
) -> None:
    sink.rule = lambda request: Answer(status=400, body=b"no such tenant")
    file = f"file={tmp_path / 'spans.jsonl'}"
    agent = make_agent("--batch-wait", "1ms", exports=[f"otlp={sink.endpoint}", file]).start()
    for _ in range(3):
        assert agent.get("/readyz")[0] == 200
        agent.post(make_request(34)[0])
        wait_until(lambda: ledger(agent)["dead_lettered"] == ledger(agent)["accepted"])
    wait_until(lambda: agent.get("/readyz")[0] == 503)
    (reason,) = json.loads(agent.get("/readyz")[1])["reasons"]
    assert "has had nothing taken of its last 3 batches: " in reason
    assert "400 no such tenant" in reason
    wait_until(lambda: ledger(agent, 1)["exported"] == 102)
    assert [exporter["state"] for exporter in agent.status()["exporters"]] == ["refused", "ok"]
    sink.rule = lambda request: Answer()
    agent.post(make_request(10)[0])
    wait_until(lambda: agent.get("/readyz")[0] == 200)
