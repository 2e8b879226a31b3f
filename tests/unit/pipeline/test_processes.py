"""The worker where processes begin and end: exit, fork, gevent, each in a Python of its own over a real socket."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.otlp_sink import Answer, OtlpSink
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]

# What every script starts with: a tracer, its queue, and a worker that ships to the endpoint given as the argument.
PRELUDE = """
import atexit, functools, os, sys, threading, time
print = functools.partial(print, flush=True)
from pyspan.config import BatchSettings, OtlpSettings, RetrySettings
from pyspan.pipeline.background import BackgroundWorker
from pyspan.pipeline.settings import WorkerSettings
from tests.unit.pipeline.tracing import make_queue, make_spans, make_tracer

def make_exporter(stats):
    from pyspan.pipeline.otlp import OtlpExporter
    return OtlpExporter(OtlpSettings(endpoint=sys.argv[1]), stats)

queue = make_queue()
tracer = make_tracer(queue)
worker = BackgroundWorker(queue, make_exporter, WorkerSettings(batch=BatchSettings(delay=3600.0)))

def record(count):
    lines = [" ".join(pair) + chr(10) for pair in make_spans(tracer, count)]
    os.write(1, "".join(lines).encode())  # whole, also beside what another process writes
"""


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink
    assert sink.violations == []


def run(script: str, endpoint: str, *, prologue: str = "", timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", prologue + PRELUDE + script, f"{endpoint}/v1/traces"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)


def made(output: str) -> Counter[tuple[str, str]]:
    pairs = [line.split() for line in output.splitlines() if len(line) == 49]
    return Counter((trace, span) for trace, span in pairs)


def test_spans_of_a_script_are_shipped_at_exit(sink: OtlpSink) -> None:
    done = run("atexit.register(worker.shutdown)\nrecord(10)", sink.endpoint)
    assert (done.returncode, done.stderr) == (0, "")
    assert sink.delivered() == made(done.stdout) != Counter()


def test_spans_that_come_only_while_python_exits_are_shipped_without_a_new_thread(sink: OtlpSink) -> None:
    done = run("atexit.register(worker.shutdown)\natexit.register(record, 10)", sink.endpoint)
    assert (done.returncode, done.stderr) == (0, "")
    assert sink.delivered() == made(done.stdout) != Counter()


def test_an_exit_with_a_dead_backend_ends_by_the_deadline_and_says_what_is_lost() -> None:
    script = """
import logging
logging.basicConfig(format="%(message)s")
atexit.register(lambda: print(worker.shutdown(0.5), worker.stats.dropped))
record(10)
start = time.monotonic()
atexit.register(lambda: print(f"after {time.monotonic() - start:.1f}"))
"""
    done = run(script, f"http://127.0.0.1:{free_port()}")
    assert "False {'at_shutdown': 10}" in done.stdout
    assert "10 spans dropped (at_shutdown)" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_exit_with_a_backend_that_never_answers_ends_by_the_deadline(sink: OtlpSink) -> None:
    sink.rule = lambda _: Answer(delay=20.0)
    script = """
record(10)
start = time.monotonic()
print(worker.shutdown(0.5), time.monotonic() - start < 1.5)
"""
    done = run(script, sink.endpoint, timeout=10.0)
    assert "False True" in done.stdout


def test_a_forked_child_ships_its_own_spans_and_the_parents_worker_goes_on(sink: OtlpSink) -> None:
    script = """
record(1000)
child = os.fork()
record(10)
if child == 0:
    kept = worker.force_flush(10) and worker.shutdown(10)
    os._exit(0 if kept else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), worker.force_flush(10))
record(10)
print(worker.shutdown(10), worker.stats.exported)
"""
    done = run(script, sink.endpoint)
    assert done.stderr == ""
    assert "0 True\n" in done.stdout
    assert "True 1020\n" in done.stdout
    assert sink.delivered() == made(done.stdout)
    assert len(made(done.stdout)) == 1030


def test_a_child_forked_while_the_worker_is_busy_exits_cleanly_through_the_interpreter(sink: OtlpSink) -> None:
    script = """
atexit.register(worker.shutdown)
record(1)
stop = threading.Event()
def keep_busy():
    while not stop.is_set():
        make_spans(tracer, 10)
busy = threading.Thread(target=keep_busy)
busy.start()
children = []
for _ in range(10):
    child = os.fork()
    if child == 0:
        record(10)
        sys.exit(0)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
stop.set()
busy.join()
print(codes == [0] * 10)
"""
    done = run(script, sink.endpoint)
    assert all("(queue_full)" in line for line in done.stderr.splitlines())  # nothing slows the flood down
    assert "True\n" in done.stdout
    recorded = made(done.stdout)
    assert len(recorded) == 101
    assert recorded == Counter(pair for pair in sink.delivered().elements() if pair in recorded)


def test_a_grandchild_ships_too(sink: OtlpSink) -> None:
    script = """
record(1)
if os.fork() == 0:
    record(1)
    if os.fork() == 0:
        record(1)
    else:
        os.wait()
    os._exit(0 if worker.shutdown(10) else 1)
os.wait()
print(worker.shutdown(10))
"""
    done = run(script, sink.endpoint)
    assert done.stderr == ""
    assert sink.delivered() == made(done.stdout)
    assert len(made(done.stdout)) == 3


def test_under_gevent_spans_are_shipped_and_waiting_lets_other_greenlets_run(sink: OtlpSink) -> None:
    pytest.importorskip("gevent")
    sink.answer_next(Answer(delay=0.3))
    script = """
turns = []
def other():
    while True:
        turns.append(1)
        gevent.sleep(0.01)
gevent.spawn(other)
gevent.joinall([gevent.spawn(record, 10) for _ in range(10)])
before = len(turns)
print(worker.force_flush(10), len(turns) - before > 5)
record(10)
print(worker.shutdown(10))
"""
    done = run(script, sink.endpoint, prologue="import gevent, gevent.monkey\ngevent.monkey.patch_all()\n")
    assert "True True\n" in done.stdout, done.stderr
    assert done.stdout.endswith("True\n")
    assert sink.delivered() == made(done.stdout)
    assert len(made(done.stdout)) == 110


def test_importing_the_background_worker_loads_no_event_loop() -> None:
    api = "import sys, opentelemetry.trace\nof_the_api = set(sys.modules)\n"  # an old one loads asyncio itself
    script = "print(sorted({'asyncio', 'anyio', 'ssl', 'aiokafka'} & set(sys.modules) - of_the_api))"
    done = run(script, "http://127.0.0.1:1", prologue=api)
    assert done.stdout == "[]\n"
