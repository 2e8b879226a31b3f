"""Restarts, changed configurations and a spool that is taken away: the ledger adds up, nothing is promised in vain."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.agent.test_delivery import ledger, wait_until
from tests.support.otlp_messages import make_request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.agent_process import AgentProcess
    from tests.support.otlp_sink import OtlpSink


def test_counts_outlive_restarts(make_agent: Callable[..., AgentProcess], sink: OtlpSink) -> None:
    agent = make_agent("--batch-wait", "10ms", exports=[f"otlp={sink.endpoint}"]).start()
    agent.post(make_request(30)[0])
    wait_until(lambda: ledger(agent)["exported"] == 30)
    assert agent.stop() == 0
    agent.start()
    assert ledger(agent)["accepted"] == ledger(agent)["exported"] == 30
    agent.post(make_request(12)[0])
    wait_until(lambda: ledger(agent)["exported"] == 42)
    agent.kill9()
    agent.start()
    entry = ledger(agent)
    assert entry["accepted"] == 42
    assert entry["possibly_resent"] == 0


def test_an_exporter_that_was_removed_lets_its_space_go(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink, tmp_path: Path
) -> None:
    sink.stop()
    file = f"file={tmp_path / 'spans.jsonl'}"
    agent = make_agent(exports=[f"otlp={sink.endpoint}", file]).start()
    agent.post(make_request(10)[0])
    wait_until(lambda: ledger(agent, 1)["exported"] == 10)
    agent.stop()
    agent.exports = [file]
    agent.start()
    assert "is no longer configured" in agent.output
    assert [exporter["to"] for exporter in agent.status()["exporters"]] == [file]
    assert ledger(agent)["exported"] == 10


def test_an_exporter_that_comes_back_starts_with_what_is_received_from_then_on(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink, tmp_path: Path
) -> None:
    both = [f"otlp={sink.endpoint}", f"file={tmp_path / 'spans.jsonl'}"]
    agent = make_agent("--batch-wait", "1ms", exports=both).start()
    agent.post(make_request(10)[0])
    wait_until(lambda: ledger(agent, 0)["exported"] == ledger(agent, 1)["exported"] == 10)
    assert agent.stop() == 0
    agent.exports = both[1:]
    agent.start()
    assert "its offset is dropped, 0 spans that it had not exported are given up" in agent.output
    agent.post(make_request(10)[0])
    wait_until(lambda: ledger(agent)["exported"] == 20)
    assert agent.stop() == 0
    agent.exports = both
    agent.start()
    assert "starts with what is received from now on" in agent.output
    body, keys = make_request(10)
    agent.post(body)
    sink.wait_for(lambda sink: set(keys) <= set(sink._delivered))
    wait_until(lambda: ledger(agent)["exported"] == 10)
    assert (len(sink.delivered()), max(sink.delivered().values())) == (20, 1)
    agent.kill9()
    agent.start()
    assert ledger(agent)["exported"] == 10


def test_a_spool_folder_removed_under_a_running_agent_refuses_and_says_so(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink
) -> None:
    agent = make_agent("--batch-wait", "1ms", exports=[f"otlp={sink.endpoint}"]).start()
    assert agent.post(make_request(10)[0]) == 200
    sink.stop()
    held, held_keys = make_request(10)
    assert agent.post(held) == 200
    shutil.rmtree(agent.spool)
    assert agent.get("/readyz")[0] == 503
    assert f"the spool folder {agent.spool} was removed while in use" in agent.get("/readyz")[1]
    assert agent.post(make_request(10)[0]) == 503
    agent.spool.mkdir()
    assert agent.post(make_request(10)[0]) == 503
    assert ledger(agent)["accepted"] == 20
    sink.start()
    sink.wait_for(lambda sink: set(held_keys) <= set(sink._delivered), timeout=30)
    assert agent.stop() == 0
    agent.start()
    assert agent.get("/readyz")[0] == 200
    assert agent.post(make_request(10)[0]) == 200
