"""A damaged queue file stops the start: damage is cut, set aside and counted, and the agent starts."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tests.agent.test_delivery import ledger, wait_until
from tests.support.otlp_messages import make_request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.agent_process import AgentProcess
    from tests.support.otlp_sink import OtlpSink


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
    wait_until(lambda: ledger(agent)["pending"] == 0)
    whole = [part for part in keys if set(part) <= sink.delivered().keys()]
    assert len(whole) == 9, "only the damaged record is lost"
    assert ledger(agent)["dropped"] == {"spool_damage": 100}  # type: ignore[comparison-overlap]
    agent.post(make_request(5)[0])
    wait_until(lambda: ledger(agent)["exported"] >= 905)


def damage_middle(segment: Path) -> None:
    """Flip one byte in the middle of what was written."""
    data = bytearray(segment.read_bytes())
    used = len(bytes(data).rstrip(b"\0"))
    data[used // 2] ^= 0x55
    segment.write_bytes(data)


def test_an_agent_starts_over_files_of_noise_and_goes_on(
    make_agent: Callable[..., AgentProcess], sink: OtlpSink
) -> None:
    agent = make_agent("--batch-wait", "10ms", exports=[f"otlp={sink.endpoint}"]).start()
    assert agent.post(make_request(100)[0]) == 200
    wait_until(lambda: ledger(agent)["exported"] == 100)
    agent.kill9()
    spoilt = [path for path in agent.spool.rglob("*") if path.suffix in {".segment", ".reader", ".ledger"}]
    assert {path.suffix for path in spoilt} == {".segment", ".reader", ".ledger"}
    for path in spoilt:
        path.write_bytes(secrets.token_bytes(10_000))
    agent.start()
    spool = agent.status()["spool"]
    assert (spool["damaged_segments"], spool["damaged_readers"]) == (1, 1)
    assert "is damaged and starts from zero" in agent.output
    assert [path.name for path in agent.spool.glob("*.damaged")] == [
        f"{path.name}.damaged" for path in spoilt if path.suffix == ".segment"
    ]
    body, keys = make_request(5)
    assert agent.post(body) == 200
    sink.wait_for(lambda sink: set(keys) <= set(sink._delivered))
    wait_until(lambda: ledger(agent)["pending"] == 0)
