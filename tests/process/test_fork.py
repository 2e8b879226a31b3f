"""Processes forked after the start trace as their parent does: nothing is lost, sent twice, or given an id twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.otlp_sink import OtlpSink
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

SETUP = """
import multiprocessing, os, sys, time
import pyspan
from opentelemetry import trace
pyspan.configure("forking")
tracer = trace.get_tracer("script")

def trace_some(name, count):
    for number in range(count):
        with tracer.start_as_current_span(f"{name} {number}"):
            pass
"""


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink
        assert not sink.violations


def run(code: str, sink: OtlpSink) -> str:
    process = subprocess.run(
        [sys.executable, "-c", SETUP + textwrap.dedent(code)],
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint},
        timeout=50,
        check=True,
        capture_output=True,
        text=True,
    )
    return process.stderr


def names(sink: OtlpSink) -> list[str]:
    return sorted(span.name for _, span in spans(sink))


def spans(sink: OtlpSink) -> Iterator[tuple[str, OtlpSpan]]:
    """Read what was delivered: service instance and span."""
    for request in sink.requests:
        for resource_spans in ExportTraceServiceRequest.FromString(request.body).resource_spans:
            attributes = {pair.key: pair.value for pair in resource_spans.resource.attributes}
            instance = attributes["service.instance.id"].string_value
            for scope in resource_spans.scope_spans:
                yield from ((instance, span) for span in scope.spans)


def assert_no_id_twice(sink: OtlpSink, count: int) -> None:
    delivered = sink.delivered()
    assert sum(delivered.values()) == count
    assert len(delivered) == count
    assert len({span_id for _, span_id in delivered}) == count
    assert len({trace_id for trace_id, _ in delivered}) == count


def test_processes_of_multiprocessing_deliver_their_spans(sink: OtlpSink) -> None:
    errors = run(
        """
        trace_some("parent before", 3)
        context = multiprocessing.get_context("fork")
        children = [context.Process(target=trace_some, args=(f"child {n}", 50)) for n in range(4)]
        for child in children: child.start()
        for child in children: child.join()
        assert all(child.exitcode == 0 for child in children)
        trace_some("parent after", 3)
        """,
        sink,
    )
    assert errors == ""
    assert_no_id_twice(sink, 206)
    assert len({instance for instance, _ in spans(sink)}) == 5


def test_a_pool_that_is_terminated_delivers_what_its_workers_ended(sink: OtlpSink) -> None:
    run(
        """
        with multiprocessing.get_context("fork").Pool(2) as pool:
            pool.starmap(trace_some, [(f"task {n}", 5) for n in range(8)])
        """,
        sink,
    )
    assert_no_id_twice(sink, 40)


def test_a_process_pool_executor_delivers_what_its_workers_ended(sink: OtlpSink) -> None:
    run(
        """
        from concurrent.futures import ProcessPoolExecutor
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
            list(pool.map(trace_some, [f"task {n}" for n in range(8)], [5] * 8))
        """,
        sink,
    )
    assert_no_id_twice(sink, 40)


def test_tracing_that_starts_in_the_worker_itself_delivers(sink: OtlpSink) -> None:
    run(
        """
        pyspan.shutdown()
        def work():
            pyspan.configure("worker")
            trace_some("inside", 1)
            with trace.get_tracer("new").start_as_current_span("inside"): pass
        child = multiprocessing.get_context("fork").Process(target=work)
        child.start(); child.join()
        """,
        sink,
    )
    assert "inside" in names(sink)


def test_a_raw_fork_delivers_and_the_parent_s_queue_is_sent_once(sink: OtlpSink) -> None:
    run(
        """
        trace_some("parent", 10)
        if os.fork() == 0:
            trace_some("child", 10)
            sys.exit(0)
        os.wait()
        """,
        sink,
    )
    assert_no_id_twice(sink, 20)


def test_a_fork_in_the_middle_of_a_span_ends_it_in_both(sink: OtlpSink) -> None:
    run(
        """
        with tracer.start_as_current_span("around"):
            child = os.fork()
            with tracer.start_as_current_span("child" if child == 0 else "parent"):
                pass
        if child: os.wait()
        """,
        sink,
    )
    assert names(sink) == ["around", "around", "child", "parent"]


def test_a_python_exporter_works_in_the_child(sink: OtlpSink) -> None:
    printed = subprocess.run(
        [
            sys.executable,
            "-c",
            SETUP
            + textwrap.dedent(
                """
                from pyspan.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
                provider = trace.get_tracer_provider()
                provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(formatter=lambda s: s.name + "\\n")))
                trace_some("parent", 2)
                if os.fork() == 0:
                    trace_some("child", 2)
                    sys.exit(0)
                os.wait()
                """
            ),
        ],
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint},
        timeout=30,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert sorted(printed.split("\n")) == ["", "child 0", "child 1", "parent 0", "parent 1"]


APP = """
import os
import pyspan
from opentelemetry import trace
pyspan.configure("gunicorn")
tracer = trace.get_tracer("app")
with tracer.start_as_current_span("preload"):
    pass

def app(environ, start_response):
    with tracer.start_as_current_span("request"):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]
"""


def test_gunicorn_with_preload_delivers_the_spans_of_every_worker(sink: OtlpSink, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APP)
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--preload", "-w", "4", "-b", f"127.0.0.1:{port}", "shop:app"]
    environ = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint}
    server = subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=subprocess.DEVNULL)
    try:
        workers = ask_until_all_workers_answered(port)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=20)
    assert names(sink).count("request") == sum(workers.values())
    assert_no_id_twice(sink, sum(workers.values()) + 1)
    assert len({instance for instance, _ in spans(sink)}) == 5


def ask_until_all_workers_answered(port: int) -> dict[str, int]:
    """Return how many requests each of the four workers answered."""
    answered: dict[str, int] = {}
    deadline = time.monotonic() + 30
    with ThreadPoolExecutor(8) as pool:
        while len(answered) < 4 and time.monotonic() < deadline:
            for worker in filter(None, pool.map(ask, [port] * 16)):
                answered[worker] = answered.get(worker, 0) + 1
    assert len(answered) == 4, answered
    return answered


def ask(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as response:
            return str(response.read().decode())
    except OSError:
        time.sleep(0.1)
        return ""


def test_a_fork_in_c_is_noticed_by_the_next_span(sink: OtlpSink) -> None:
    run(
        """
        import ctypes
        trace_some("parent", 5)
        pyspan.force_flush()  # a thread that is importing modules meanwhile would leave its lock to the child for good
        if ctypes.PyDLL(None).fork() == 0:  # as uWSGI forks: no hook of Python's is called
            trace_some("child", 5)
            pyspan.force_flush()
            os._exit(0)
        os.wait()
        """,
        sink,
    )
    assert_no_id_twice(sink, 10)
    assert len({instance for instance, _ in spans(sink)}) == 2


def test_greenlets_of_gevent_deliver_their_spans(sink: OtlpSink) -> None:
    patched = "from gevent import monkey\nmonkey.patch_all()\nimport gevent\n"
    spawned = "gevent.joinall([gevent.spawn(trace_some, f'greenlet {n}', 20) for n in range(5)], raise_error=True)"
    process = subprocess.run(
        [sys.executable, "-c", patched + SETUP + spawned],
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint},
        timeout=30,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (process.returncode, process.stderr) == (0, "")
    assert_no_id_twice(sink, 100)
