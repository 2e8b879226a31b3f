"""One slow exporter holds back the others: each has an offset of its own in the spool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.agent.test_delivery import ledger, wait_until
from tests.support.otlp_messages import make_request
from tests.support.otlp_sink import Answer, OtlpSink

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.agent_process import AgentProcess


def test_a_slow_exporter_does_not_hold_back_the_other(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink, tmp_path: Path
) -> None:
    sink.rule = lambda request: Answer(delay=30)
    file = tmp_path / "spans.jsonl"
    with make_agent(exports=[f"otlp={sink.endpoint}", f"file={file}"]) as agent:
        for _ in range(20):
            agent.post(make_request(500)[0])
        wait_until(lambda: ledger(agent, 1)["exported"] == 10_000)
        assert ledger(agent, 0)["pending"] == 10_000
