"""What a provider takes with it when nobody holds it any more, and which interpreter may have one."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from tests.support.otlp_sink import OtlpSink
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

SETUP = """
import gc, io, os, sys, threading, time
from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, OTLPSpanExporter

def make(*exporters):
    provider = TracerProvider()
    for exporter in exporters or (OTLPSpanExporter(),):
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=50))
    return provider.get_tracer("x")

def held():
    return threading.active_count(), len(os.listdir("/proc/self/fd"))

def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, held()
        time.sleep(0.01)
"""


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink


def run(code: str, endpoint: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", SETUP + textwrap.dedent(code)],
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint},
        timeout=50,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
def test_providers_that_nobody_holds_leave_no_thread_and_no_descriptor_and_lose_no_span(sink: OtlpSink) -> None:
    done = run(
        """
        gc.disable()  # nothing may wait for the collector
        make().start_span("first").end()
        make(ConsoleSpanExporter(out=io.StringIO())).start_span("first").end()
        wait_until(lambda: threading.active_count() == 1)
        before = held()
        for number in range(30):
            make().start_span("x").end()
            make(ConsoleSpanExporter(out=io.StringIO())).start_span("y").end()
            make()
        wait_until(lambda: held() <= before)
        """,
        sink.endpoint,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sum(sink.delivered().values()) == 31


def test_spans_of_a_provider_dropped_right_before_the_end_are_delivered(sink: OtlpSink) -> None:
    done = run('make().start_span("x").end()', sink.endpoint)
    assert (done.returncode, done.stderr) == (0, "")
    assert sum(sink.delivered().values()) == 1


def test_what_a_dropped_provider_loses_to_a_dead_backend_is_said() -> None:
    done = run('make().start_span("x").end()', f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 0
    assert "1 spans dropped (at_shutdown)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_span_that_is_still_open_keeps_what_exports_it(sink: OtlpSink) -> None:
    done = run('span = make().start_span("x"); gc.collect(); span.end()', sink.endpoint)
    assert (done.returncode, done.stderr) == (0, "")
    assert sum(sink.delivered().values()) == 1


def test_an_exporter_that_was_called_by_hand_ends_its_thread_with_itself(sink: OtlpSink) -> None:
    done = run(
        """
        tracer = make()
        span = tracer.start_span("x")
        span.end()
        wait_until(lambda: threading.active_count() == 2)
        exporter = OTLPSpanExporter()
        exporter.export([span])
        assert threading.active_count() == 3
        del exporter
        wait_until(lambda: threading.active_count() == 2)
        """,
        sink.endpoint,
    )
    assert (done.returncode, done.stderr) == (0, "")


INTERPRETERS = """
try:
    import concurrent.interpreters as new
    def run(code):
        interpreter = new.create()
        interpreter.exec(code)
        interpreter.close()
except ImportError:
    import importlib
    name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    old = importlib.import_module(name)
    def run(code):
        interpreter = old.create()
        failure = (old.exec if hasattr(old, "exec") else old.run_string)(interpreter, code)
        assert failure is None, failure
        old.destroy(interpreter)
"""


def test_a_sub_interpreter_is_refused_with_a_clear_error_and_the_process_ends(sink: OtlpSink) -> None:
    done = run(
        INTERPRETERS
        + textwrap.dedent(
            """
            run(f'''
            import sys
            sys.path[:] = {sys.path!r}
            try:
                from pyspan.sdk.trace import TracerProvider
            except ImportError as error:
                print(error, flush=True)
            '''.replace(chr(10) + " " * 12, chr(10)))
            make().start_span("of the main interpreter").end()
            """
        ),
        sink.endpoint,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "sub-interpreter" in done.stdout or "subinterpreter" in done.stdout  # CPython's own words where it refuses
    assert sum(sink.delivered().values()) == 1


def test_an_interpreter_whose_lock_is_forced_off_is_refused() -> None:
    code = """
    import sys
    sys._is_gil_enabled = lambda: False  # as it is under PYTHON_GIL=0 where Python is free-threaded
    try:
        import pyspan._core
    except ImportError as error:
        print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], timeout=50, check=True, capture_output=True, text=True
    )
    assert done.stdout == "pyspan needs the global interpreter lock: leave out PYTHON_GIL=0 and -X gil=0\n"
