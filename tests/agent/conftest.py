"""What the tests of a real agent process share."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.support.agent_process import AgentProcess
from tests.support.otlp_sink import OtlpSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    """Run a backend; at the end nothing that it was sent may have broken the protocol."""
    with OtlpSink() as running:
        yield running
    assert running.violations == []


@pytest.fixture
def make_agent(tmp_path: Path) -> Iterator[Callable[..., AgentProcess]]:
    """Make agents that are killed at the end of the test; each has a folder of its own by `name`."""
    with contextlib.ExitStack() as stack:

        def make(*flags: str, exports: list[str], name: str = "agent", **environment: str) -> AgentProcess:
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            agent = AgentProcess(folder, *flags, exports=exports, env=environment)
            stack.callback(agent.__exit__, None, None, None)
            return agent

        yield make


@pytest.fixture
def agent(make_agent: Callable[..., AgentProcess], sink: OtlpSink) -> AgentProcess:
    """Start an agent that exports to the sink."""
    return make_agent("--batch-wait", "20ms", exports=[f"otlp={sink.endpoint}"]).start()
