"""Signals and time limits that hit while the user's code runs inside the tracer: they are the application's."""

from __future__ import annotations

import subprocess
import sys

import pytest

SETUP = """
import os, signal, time
from pyspan.sdk.trace import SpanProcessor, TracerProvider
from pyspan.sdk.trace.export import SimpleSpanProcessor
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pyspan.sdk.trace.sampling import Sampler

def signalled(number):
    os.kill(os.getpid(), number)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.01)
    raise AssertionError("the signal has not come")

def tracer_of(*processors, **arguments):
    provider = TracerProvider(shutdown_on_exit=False, **arguments)
    for processor in (*processors, SimpleSpanProcessor(exporter)):
        provider.add_span_processor(processor)
    return provider.get_tracer("script")

exporter = InMemorySpanExporter()
class InStart(SpanProcessor):
    def on_start(self, span, parent_context=None):
        signalled(signal.SIGINT)
class InEnd(SpanProcessor):
    def on_end(self, span):
        signalled(signal.SIGINT)
class InSampler(Sampler):
    def should_sample(self, *_, **__):
        signalled(signal.SIGINT)
    def get_description(self):
        return "signalled"
class InText:
    def __str__(self):
        signalled(signal.SIGINT)
class InExport(InMemorySpanExporter):
    def export(self, spans):
        signalled(signal.SIGINT)
"""

INTERRUPTED = """
try:
    with {tracer}.start_as_current_span("op") as span:
        span.set_attribute("key", {value})
    print("swallowed")
except KeyboardInterrupt:
    print("interrupted", [span.name for span in exporter.get_finished_spans()])
"""


def run(code: str) -> tuple[int, str]:
    words = [sys.executable, "-c", SETUP + code]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("tracer", "value", "exported"),
    [
        pytest.param("tracer_of(InStart())", "1", [], id="on_start"),
        pytest.param("tracer_of(InEnd())", "1", ["op"], id="on_end"),
        pytest.param("tracer_of(sampler=InSampler())", "1", [], id="sampler"),
        pytest.param("tracer_of()", "InText()", ["op"], id="text of a value"),
        pytest.param("tracer_of(SimpleSpanProcessor(InExport()))", "1", ["op"], id="exporter"),
    ],
)
def test_a_keyboard_interrupt_reaches_the_application(tracer: str, value: str, exported: list[str]) -> None:
    assert run(INTERRUPTED.format(tracer=tracer, value=value)) == (0, f"interrupted {exported}\n")


def test_a_handler_of_sigterm_that_exits_ends_the_process() -> None:
    code = """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
import sys
class Terminated(SpanProcessor):
    def on_end(self, span):
        signalled(signal.SIGTERM)
tracer = tracer_of(Terminated())
for _ in range(5):
    tracer.start_span("op").end()
"""
    assert run(code) == (3, "")


def test_the_time_limit_of_a_greenlet_reaches_it() -> None:
    pytest.importorskip("gevent")
    code = """
import gevent
class Slow(SpanProcessor):
    def on_end(self, span):
        gevent.sleep(60)
tracer = tracer_of(Slow())
try:
    with gevent.Timeout(0.2):
        tracer.start_span("op").end()
    print("swallowed")
except gevent.Timeout:
    print("timed out", [span.name for span in exporter.get_finished_spans()])
"""
    assert run(code) == (0, "timed out ['op']\n")
