"""Processes that continue from the same memory and repeat each other's ids."""

from __future__ import annotations

from tests.support.scripts import run

FORKS = """
import ctypes
context = tracer.start_span("seeds the generator").get_span_context()

def draw():
    contexts = [tracer.start_span("x", context=trace.set_span_in_context(trace.INVALID_SPAN)).get_span_context()
                for _ in range(20)]
    os.write(1, "".join(f"{c.trace_id:032x} {c.span_id:016x}\\n" for c in contexts).encode())

for number in range(40):
    fork = os.fork if number % 2 else ctypes.PyDLL(None).fork  # the second calls no hook of Python's
    if fork() == 0:
        draw()
        os._exit(0)
    os.wait()
draw()
"""


def test_forty_forks_of_one_process_draw_no_id_twice() -> None:
    pairs = [line.split() for line in run(FORKS, "", OTEL_TRACES_EXPORTER="none").stdout.splitlines()]
    assert len(pairs) == 41 * 20
    assert len({trace_id for trace_id, _ in pairs}) == len({span_id for _, span_id in pairs}) == 41 * 20
