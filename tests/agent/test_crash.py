"""kill -9: what was acknowledged reaches the backend, and the ledger adds up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.agent.load import Load
from tests.agent.test_delivery import keys_of_file, ledger, wait_until
from tests.support.otlp_messages import make_request
from tests.support.otlp_sink import Answer, OtlpSink

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.agent_process import AgentProcess


@pytest.mark.parametrize("round_", range(2))
def test_kill_9_under_load_loses_nothing_acknowledged(
    round_: int, make_agent: Callable[..., AgentProcess], sink: OtlpSink, tmp_path: Path
) -> None:
    file = tmp_path / "spans.jsonl"
    sink.rule = lambda request: Answer(delay=0.02)
    flags = ("--batch-spans", "500", "--batch-wait", "10ms", "--spool-segment-bytes", "256KiB", "--in-flight", "2")
    agent = make_agent(*flags, exports=[f"otlp={sink.endpoint}", f"file={file}"]).start()
    with Load(agent) as load:
        for kill in range(1, 4):
            load.wait_for(kill * 6_000)
            agent.kill9()
            agent.start()
            assert ledger(agent)["balance"] == 0
    wait_until(lambda: ledger(agent, 0)["pending"] == ledger(agent, 1)["pending"] == 0, timeout=40)
    delivered = sink.delivered()
    assert load.acknowledged <= delivered.keys()
    assert delivered.keys() <= load.acknowledged | load.unknown
    assert set(keys_of_file_with_torn_lines(file)) >= load.acknowledged
    entry = ledger(agent, 0)
    assert entry["exported"] == entry["accepted"] == len(delivered)
    assert sum(delivered.values()) - len(delivered) <= entry["possibly_resent"]


def keys_of_file_with_torn_lines(path: Path) -> list[tuple[str, str]]:
    """Read the file as its consumers do: a kill can tear the last line of a run, which comes again whole."""
    whole = path.with_suffix(".whole")
    lines = path.read_text().splitlines()
    whole.write_text(
        "\n".join(line for line in lines if line.endswith("]}]}]}") and line.startswith('{"resourceSpans'))
    )
    return keys_of_file(whole)


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


def test_a_damaged_spool_starts_and_counts_what_is_missing(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink
) -> None:
    sink.stop()
    agent = make_agent("--batch-wait", "10ms", exports=[f"otlp={sink.endpoint}"]).start()
    keys = []
    for _ in range(10):
        body, part = make_request(100)
        agent.post(body)
        keys.append(part)
    agent.kill9()
    segment = max(agent.spool.rglob("*"), key=lambda path: path.stat().st_blocks if path.is_file() else 0)
    damage_middle(segment)
    sink.start()
    agent.start()
    sink.wait_for_spans(900, timeout=30)
    time.sleep(0.3)
    whole = [part for part in keys if set(part) <= sink.delivered().keys()]
    assert len(whole) == 9, "only the damaged record is lost"
    wait_until(lambda: ledger(agent)["pending"] == 0)
    agent.post(make_request(5)[0])
    wait_until(lambda: ledger(agent)["exported"] >= 905)


def damage_middle(segment: Path) -> None:
    """Flip one byte in the middle of what was written."""
    data = bytearray(segment.read_bytes())
    used = len(bytes(data).rstrip(b"\0"))
    data[used // 2] ^= 0x55
    segment.write_bytes(data)


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
