"""What pyspan weighs: memory of a finished span in the queue and of very many, and the time its import takes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from benches.paired import Pair

SPANS = 60_000

# Both hold all spans, and nothing is sent meanwhile: what a span takes while it waits. The first half pays for what is
# there but once.
QUEUED = """
import gc, os
{imports}
from benches.workloads import EVENT, OK, REQUEST, SERVER
tracer = {tracer}

def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")

def record(count):
    for _ in range(count):
        with tracer.start_as_current_span("GET /orders/{{id}}", kind=SERVER, attributes=REQUEST) as span:
            span.add_event("loaded", EVENT)
            span.set_status(OK)

record({spans})
before = resident()
record({spans})
after = resident()
assert len(queue) == 2 * {spans}, len(queue)
print((after - before) / {spans})
"""
OURS = {
    "imports": """
from pyspan._core import SpanQueue
from pyspan.sdk.trace import TracerProvider
class Queue(list):
    native = SpanQueue(max_spans=1 << 20, max_bytes=1 << 30, batch_spans=2048, batch_bytes=2 << 20)
    def __len__(self):
        return self.native.counts()["queued_spans"]
queue = Queue()
provider = TracerProvider()
provider._recorder.add_queue(queue.native)
""",
    "tracer": "provider.get_tracer('bench', '1.0')",
}
PEER = {
    "imports": """
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
queue = []
class Keep(SpanProcessor):
    def on_end(self, span):
        queue.append(span)
provider = TracerProvider()
provider.add_span_processor(Keep())
""",
    "tracer": "provider.get_tracer('bench', '1.0')",
}

# Spans that end and are exported leave nothing behind. The first million fills the pools of memory.
MANY = """
import gc, os
from benches import tracers, workloads
ours, _ = tracers.discarding()
traced = ours()
run = traced.flushed(workloads.empty_span(traced.tracer))

def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")

def million():
    for _ in range(10):
        run(100_000)
    return resident()

first = million()
print((max(million() for _ in range(10)) - first) / 1e6)
"""


def _output(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def _import_cost(module: str) -> float:
    timed = f"start = time.process_time(); import {module}; print((time.process_time() - start) * 1000)"
    return float(_output(f"import time, opentelemetry.trace, opentelemetry.propagate; {timed}"))


def test_memory_of_a_queued_span(report: Any) -> None:
    bytes_of = {name: float(_output(QUEUED.format(spans=SPANS, **parts))) for name, parts in (("o", OURS), ("p", PEER))}
    pair = Pair(bytes_of["o"], bytes_of["p"])
    report("memory of a finished, queued W2 server span", pair)


@pytest.mark.timeout(600)
def test_memory_over_many_spans(report: Any) -> None:
    """The peer would take minutes for so many."""
    report("memory grown over 10 million spans", Pair(float(_output(MANY)), None))


def test_import(report: Any) -> None:
    """Both over the API, which an instrumented program loads anyway."""
    rounds = [(_import_cost("pyspan"), _import_cost("opentelemetry.sdk.trace")) for _ in range(12)]
    report("import, over the API's own", Pair(*map(min, zip(*rounds, strict=True))))
