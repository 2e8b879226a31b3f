"""The trace goes on in other processes, however these are made, where the switch is on."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from tests.support.otlp_sink import OtlpSink
from tests.support.trees import otlp_nodes, tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCRIPT = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import pyspan
from opentelemetry import baggage, context, trace
pyspan.configure("script", propagate_threads={switch})
tracer = trace.get_tracer("script")

def work(number):
    with tracer.start_as_current_span(f"work {{number}}") as span:
        span.set_attribute("tenant", str(baggage.get_baggage("tenant")))
    return number

def main(processes):
    with tracer.start_as_current_span("request"):
        context.attach(baggage.set_baggage("tenant", "blue"))
{body}

if __name__ == "__main__":
    main(multiprocessing.get_context(sys.argv[1]))
"""

BODIES = {
    "process": """
        process = processes.Process(target=work, args=(1,))
        process.start()
        process.join()
        assert process.exitcode == 0
    """,
    "executor": """
        with ProcessPoolExecutor(1, mp_context=processes) as pool:
            assert pool.submit(work, 1).result() == 1
    """,
    "executor_map": """
        with ProcessPoolExecutor(1, mp_context=processes) as pool:
            assert list(pool.map(work, [1])) == [1]
    """,
    "apply": """
        with processes.Pool(1) as pool:
            assert pool.apply(work, (1,)) == 1
            pool.close()
            pool.join()
    """,
    "map": """
        with processes.Pool(1) as pool:
            assert pool.map(work, [1]) == [1]
            pool.close()
            pool.join()
    """,
    "starmap": """
        with processes.Pool(1) as pool:
            assert pool.starmap(work, [(1,)]) == [1]
            pool.close()
            pool.join()
    """,
    "imap_unordered": """
        with processes.Pool(1) as pool:
            assert list(pool.imap_unordered(work, [1])) == [1]
            pool.close()
            pool.join()
    """,
    "executor_in_a_thread": """
        with ThreadPoolExecutor(1) as threads, ProcessPoolExecutor(1, mp_context=processes) as pool:
            assert threads.submit(lambda: pool.submit(work, 1).result()).result() == 1
    """,
}
CARRIED = "request [INTERNAL]\n  work 1 [INTERNAL]"
ALONE = "request [INTERNAL]\nwork 1 [INTERNAL]"


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink


def run(folder: Path, method: str, body: str, endpoint: str, *, switch: bool = True) -> None:
    """Run the script as a program of its own: processes that are spawned import it."""
    script = folder / "script.py"
    script.write_text(SCRIPT.format(switch=switch, body=textwrap.indent(textwrap.dedent(body), " " * 8)))
    done = subprocess.run(
        [sys.executable, script.name, method],
        cwd=folder,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint},
        timeout=55,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("way", BODIES)
def test_the_trace_goes_on_in_the_child(sink: OtlpSink, tmp_path: Path, way: str, method: str) -> None:
    run(tmp_path, method, BODIES[way], sink.endpoint)
    bodies = [request.body for request in sink.requests]
    assert tree(otlp_nodes(bodies)) == CARRIED
    assert b"blue" in b"".join(bodies)


@pytest.mark.parametrize("way", ["process", "executor", "map"])
def test_without_the_switch_a_spawned_child_starts_a_trace_of_its_own(sink: OtlpSink, tmp_path: Path, way: str) -> None:
    run(tmp_path, "spawn", BODIES[way], sink.endpoint, switch=False)
    drawn = tree(otlp_nodes(request.body for request in sink.requests))
    assert sorted(drawn.splitlines()) == sorted(ALONE.splitlines())


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_a_pool_serve_each_task_in_its_own_trace(sink: OtlpSink, tmp_path: Path, method: str) -> None:
    body = """
        with ProcessPoolExecutor(1, mp_context=processes) as pool:
            pool.submit(work, 1).result()
            with tracer.start_as_current_span("second"):
                pool.submit(work, 2).result()
            context.attach(context.Context())
            pool.submit(work, 3).result()
    """
    run(tmp_path, method, body, sink.endpoint)
    drawn = tree(otlp_nodes(request.body for request in sink.requests))
    assert drawn == f"{CARRIED}\n  second [INTERNAL]\n    work 2 [INTERNAL]\nwork 3 [INTERNAL]"
