"""A broker that is killed under load: what the agent has acknowledged arrives, at least once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.messages import plain
from tests.integration.peers import running
from tests.integration.reading import Key
from tests.integration.senders import read_topic
from tests.support.agent_process import AgentProcess
from tests.support.otlp_messages import check_spans
from tools.components.kafka import Kafka

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

TOPIC = "crash"
SPANS_A_REQUEST = 40


class Load(threading.Thread):
    """Post requests without a pause and remember the spans of those that were acknowledged."""

    def __init__(self, agent: AgentProcess) -> None:
        super().__init__()
        self.acknowledged: set[Key] = set()
        self._agent = agent
        self._ending = threading.Event()

    def run(self) -> None:
        while not self._ending.wait(0.005):
            body = plain(SPANS_A_REQUEST).SerializeToString()
            if self._agent.post(body) == 200:
                self.acknowledged.update(check_spans(body))

    def end(self) -> None:
        self._ending.set()
        self.join()


def test_a_killed_broker_loses_no_acknowledged_span(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with running(Kafka(tmp_path)) as broker:
        with AgentProcess(
            tmp_path, "--shutdown-timeout", "60s", exports=[f"kafka={broker.bootstrap}/{TOPIC}"]
        ) as agent:
            acknowledged = _load_through_a_crash(agent, broker)
            assert agent.stop(90.0) == 0
        found, keys = asyncio.run(read_topic(broker.bootstrap, TOPIC, acknowledged, 60.0))
    twice = sum(found[key] - 1 for key in acknowledged & found.keys())
    record_property("acknowledged", len(acknowledged))
    record_property("delivered_twice", twice)
    print(f"{len(acknowledged)} spans acknowledged, {twice} delivered twice")
    assert len(acknowledged) > 10 * SPANS_A_REQUEST
    assert not acknowledged - found.keys()
    assert keys == {trace_id.encode() for trace_id, _ in found}


def _load_through_a_crash(agent: AgentProcess, broker: Kafka) -> set[Key]:
    load = Load(agent)
    load.start()
    try:
        time.sleep(3.0)
        broker.kill9()
        time.sleep(3.0)
        before_restart = len(load.acknowledged)
        broker.start()
        time.sleep(3.0)
    finally:
        load.end()
    assert len(load.acknowledged) > before_restart
    return load.acknowledged
