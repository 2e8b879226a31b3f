"""The interpreter may run other Python code at any allocation and at any call: spans stand it, whatever it does."""

from __future__ import annotations

import subprocess
import sys

import pytest

SETUP = """
import gc, sys
from pyspan.sdk.trace import SpanLimits, TracerProvider
tracer = TracerProvider(span_limits=SpanLimits(max_events=2_000)).get_tracer("reentry")
"""

DEAD_CYCLES_WITH_SPANS = """
def handle():
    span = tracer.start_span("work")
    try:
        raise ValueError
    except ValueError as error:
        kept = error  # with the traceback a cycle, which holds the span
    span.end()

gc.set_threshold({threshold}, 10, 10)
for _ in range(10_000):
    with tracer.start_as_current_span("request"):
        handle()
"""

A_PROFILER_THAT_LOOKS = """
span = tracer.start_span("watched")
seen = []
sys.setprofile(lambda *event: seen.append(span.is_recording()))
span.set_attribute("text", "\\ud800")
span.set_attributes({"more": "\\udfff", "\\ud800": 1})
span.add_event("\\ud800", {"text": "\\ud800"})
span.update_name("\\ud800")
sys.setprofile(None)
assert seen and all(seen)
assert dict(span.attributes) == {"text": "\\ufffd", "more": "\\ufffd", "\\ufffd": 1}, span.attributes
span.end()
"""

A_FINALIZER_THAT_WRITES = """
class Dying:
    def __init__(self):
        self.itself = self
    def __del__(self):
        span.set_attribute("last", "words")
        dict(span.attributes)
        with tracer.start_as_current_span("at the end"):
            pass

span = tracer.start_span("looked at")
again = tracer.start_as_current_span("decorated", attributes={"key": "value"})(lambda: None)
gc.set_threshold(1)
for number in range(2_000):
    Dying()
    span.set_attribute("text", "\\ud800")
    span.set_attributes({"more": "\\udfff", "list": ["\\ud800", number]})
    span.add_event("event", {"text": "\\ud800"})
    again()
    with tracer.start_as_current_span("child", attributes={"text": "\\ud800"}):
        pass
span.end()
"""


def run(code: str) -> tuple[int, str, str]:
    words = [sys.executable, "-c", SETUP + code]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(DEAD_CYCLES_WITH_SPANS.format(threshold=700), id="dead cycles with spans"),
        pytest.param(DEAD_CYCLES_WITH_SPANS.format(threshold=50), id="dead cycles with spans, collected often"),
        pytest.param(A_PROFILER_THAT_LOOKS, id="a profiler that looks"),
        pytest.param(A_FINALIZER_THAT_WRITES, id="a finalizer that writes"),
    ],
)
def test_code_that_comes_in_between_harms_no_span(code: str) -> None:
    assert run(code) == (0, "", "")


WAITING_FOR_ROOM = """
import os, signal, threading, time
from pyspan._core import SpanQueue
queue = SpanQueue(max_spans=1, max_bytes=10_000, batch_spans=1, batch_bytes=10_000, block_timeout=100.0)
spans = [tracer.start_span("first"), tracer.start_span("second")]
for span in spans:
    span.end()
assert queue.push(spans[0])
began = time.monotonic()
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    queue.push(spans[1])
except KeyboardInterrupt:
    print("interrupted", time.monotonic() - began < 50, queue.counts()["dropped_queue_full"])
"""


def test_a_span_that_waits_for_room_sees_signals() -> None:
    assert run(WAITING_FOR_ROOM) == (0, "interrupted True 1\n", "")
