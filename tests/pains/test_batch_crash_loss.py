"""Acknowledged, then lost in a batcher at a crash: what is acknowledged was written ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.agent.load import Load
from tests.agent.test_delivery import keys_of_file, ledger, wait_until
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
