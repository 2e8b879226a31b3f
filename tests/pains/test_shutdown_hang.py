"""An exit that hangs while the backend is down."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.otlp_sink import Answer
from tests.support.ports import free_port
from tests.support.scripts import SETUP

if TYPE_CHECKING:
    from tests.support.otlp_sink import OtlpSink

DEADLINE = 5.0
SLACK = 8.0  # for a busy machine; without the deadline it would be the 30 s of the export timeout
ENDS = pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), 15); time.sleep(50)"], ids=["exit", "SIGTERM"])


def seconds_to_end(end: str, endpoint: str) -> float:
    """Trace, end the process, and return how long its end took by the clock that all processes share."""
    script = f"{SETUP}\ntrace_some('last', 1)\nprint(time.monotonic(), flush=True)\n{end}"
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, timeout=50, check=False
    )
    return time.monotonic() - float(done.stdout)


@ENDS
def test_with_the_backend_dead_the_end_comes_at_the_deadline(end: str) -> None:
    assert seconds_to_end(end, f"http://127.0.0.1:{free_port()}") < DEADLINE + SLACK


@ENDS
def test_with_a_backend_that_never_answers_the_end_comes_at_the_deadline(sink: OtlpSink, end: str) -> None:
    sink.rule = lambda _: Answer(delay=55.0)
    assert seconds_to_end(end, sink.endpoint) < DEADLINE + SLACK
