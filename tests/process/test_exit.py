"""Whichever way a process ends, its last span reaches the backend."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.otlp_sink import OtlpSink
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

SETUP = """
import os, sys, time
import pyspan
from opentelemetry import trace
pyspan.configure("ending")
with trace.get_tracer("script").start_as_current_span("last words"):
    pass
"""


EXITING = "print('ready', flush=True)"
WAITING = "print('ready', flush=True); time.sleep(30)"


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink


def start(code: str, endpoint: str) -> subprocess.Popen[str]:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "PATH": "/usr/bin:/bin", "PYTHONWARNINGS": "error"}
    return subprocess.Popen(
        [sys.executable, "-c", SETUP + code], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(code: str, endpoint: str) -> tuple[int, str]:
    process = start(code, endpoint)
    _, errors = process.communicate(timeout=30)
    return process.returncode, errors


@pytest.mark.parametrize(
    ("code", "status"),
    [
        pytest.param("", 0, id="end of the script"),
        pytest.param("sys.exit(3)", 3, id="sys.exit"),
        pytest.param("raise ValueError('boom')", 1, id="uncaught exception"),
        pytest.param(
            "pyspan.force_flush(); os.execv(sys.executable, [sys.executable, '-c', 'raise SystemExit(5)'])",
            5,
            id="os.execv after a flush",
        ),
        pytest.param("os.kill(os.getpid(), 2); time.sleep(5)", None, id="keyboard interrupt"),
        pytest.param("pyspan.force_flush(); os._exit(4)", 4, id="os._exit after a flush"),
        pytest.param("pyspan.shutdown()", 0, id="shutdown"),
    ],
)
def test_the_last_span_is_delivered(sink: OtlpSink, code: str, status: int | None) -> None:
    assert run(code, sink.endpoint)[0] == status or status is None  # CPython says 1 or -2 after an interrupt
    assert sum(sink.delivered().values()) == 1
    assert not sink.violations


def test_nothing_is_printed_at_a_quiet_end(sink: OtlpSink) -> None:
    assert run("", sink.endpoint) == (0, "")


def test_sigterm_delivers_the_last_span_and_ends_the_process_by_the_signal(sink: OtlpSink) -> None:
    process = start("print('ready', flush=True); time.sleep(30)", sink.endpoint)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == -signal.SIGTERM
    assert sum(sink.delivered().values()) == 1


def test_a_handler_of_ones_own_for_sigterm_stays(sink: OtlpSink) -> None:
    own = "import os, signal; signal.signal(15, lambda *_: os._exit(9))" + SETUP
    process = subprocess.run(
        [sys.executable, "-c", own + "os.kill(os.getpid(), 15); time.sleep(5)"],
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint},
        timeout=20,
        check=False,
    )
    assert process.returncode == 9


def test_a_process_that_ignores_sigterm_goes_on_doing_so(sink: OtlpSink) -> None:
    own = "import signal; signal.signal(15, signal.SIG_IGN)" + SETUP
    process = subprocess.run(
        [sys.executable, "-c", own + "os.kill(os.getpid(), 15)"],
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint},
        timeout=20,
        check=False,
    )
    assert process.returncode == 0


def test_what_a_dead_backend_costs_is_said_once() -> None:
    status, errors = run("", f"http://127.0.0.1:{free_port()}")
    assert status == 0
    assert errors.count("1 spans dropped") == 1
    assert "Traceback" not in errors


def test_spans_of_threads_that_end_last_are_delivered(sink: OtlpSink) -> None:
    code = """
import threading
def work():
    time.sleep(0.3)
    with trace.get_tracer("thread").start_as_current_span("late"):
        pass
threading.Thread(target=work).start()
"""
    assert run(code, sink.endpoint)[0] == 0
    assert sum(sink.delivered().values()) == 2


def test_a_span_ended_by_an_exit_hook_is_delivered(sink: OtlpSink) -> None:
    code = """
import atexit
atexit.register(lambda: trace.get_tracer("hook").start_span("at exit").end())
"""
    assert run(code, sink.endpoint)[0] == 0
    assert sum(sink.delivered().values()) == 2


def test_a_provider_that_only_its_tracer_knows_is_flushed_too(sink: OtlpSink) -> None:
    code = """
import gc
from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter
def tracer():
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("x")
tracer = tracer()
gc.collect()
tracer.start_span("kept").end()
"""
    assert run(code, sink.endpoint)[0] == 0
    assert sum(sink.delivered().values()) == 2


def test_a_python_exporter_gets_the_last_span_at_the_end(sink: OtlpSink) -> None:
    code = """
from pyspan.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(formatter=lambda s: s.name)))
trace.get_tracer("x").start_span("printed").end()
"""
    process = start(code, sink.endpoint)
    printed, _ = process.communicate(timeout=20)
    assert printed == "printed"


@pytest.mark.parametrize("first", [None, signal.SIGTERM], ids=["exit", "SIGTERM"])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_last_flush_ends_it_with_the_line_that_says_what_is_lost(
    first: signal.Signals | None, second: signal.Signals
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        process = start(EXITING if first is None else WAITING, f"http://127.0.0.1:{hanging.getsockname()[1]}")
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if first is not None:
            process.send_signal(first)
        hanging.settimeout(30)
        connection, _ = hanging.accept()  # the last flush is under way
        with connection:
            process.send_signal(second)
            begun = time.monotonic()
            _, errors = process.communicate(timeout=30)
            assert time.monotonic() - begun < 4.5  # not the whole 5 s
    assert re.search(r"OTLPSpanExporter: 1 spans (dropped|not delivered)", errors), errors


def test_sigterm_with_the_backend_dead_says_what_is_lost() -> None:
    process = start(WAITING, f"http://127.0.0.1:{free_port()}")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM
    assert "OTLPSpanExporter: 1 spans not delivered" in errors


def test_a_signal_in_the_midst_of_an_import_holds_up_no_flush(sink: OtlpSink) -> None:
    importing = """
import _imp
pyspan.force_flush()
trace.get_tracer("script").start_span("while importing").end()
_imp.acquire_lock()  # as importlib does, in Python, for each module
os.kill(os.getpid(), 15)
"""
    process = subprocess.run(
        [sys.executable, "-c", SETUP + importing],
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "60000"},
        timeout=20,
        check=False,
    )
    assert process.returncode == -signal.SIGTERM
    assert sum(sink.delivered().values()) == 2


HANGING = """
from pyspan.sdk.trace import SpanProcessor, TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter, SimpleSpanProcessor, SpanExporter
class HangingExporter(SpanExporter):
    def export(self, spans): time.sleep(0 if BAD != "export" else 60)
    def shutdown(self): time.sleep(0 if BAD != "shutdown" else 60)
class HangingProcessor(SpanProcessor):
    def shutdown(self): time.sleep(60)
    def force_flush(self, timeout_millis=30000): time.sleep(60)
provider = TracerProvider()
provider.add_span_processor({
    "simple": lambda: SimpleSpanProcessor(HangingExporter()),
    "batch": lambda: BatchSpanProcessor(HangingExporter()),
    "own": HangingProcessor,
}[KIND]())
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
provider.get_tracer("x").start_span("behind it").end()
"""
ENDS = "HangingExporter.shutdown|1 spans dropped: HangingExporter|HangingProcessor.(shutdown|force_flush)"


waits_in_python_312 = pytest.mark.skipif(sys.version_info[:2] == (3, 12), reason="it starts no thread at exit")


@pytest.mark.parametrize(
    ("kind", "bad", "how"),
    [
        pytest.param("simple", "shutdown", None, marks=waits_in_python_312),
        pytest.param("batch", "shutdown", None, marks=waits_in_python_312),
        ("batch", "export", None),
        pytest.param("own", "", None, marks=waits_in_python_312),
        ("own", "", signal.SIGTERM),
    ],
)
def test_code_of_others_that_hangs_holds_up_neither_the_end_nor_the_spans_behind_it(
    sink: OtlpSink, kind: str, bad: str, how: signal.Signals | None
) -> None:
    process = start(f"KIND, BAD = {kind!r}, {bad!r}{HANGING}{EXITING if how is None else WAITING}", sink.endpoint)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    begun = time.monotonic()
    if how is not None:
        process.send_signal(how)
    _, errors = process.communicate(timeout=50)
    assert time.monotonic() - begun < 20  # 5 s and a line, on a machine that is busy
    assert re.search(ENDS, errors), errors
    assert sum(sink.delivered().values()) == 2
