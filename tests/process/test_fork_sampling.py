"""Samplers with a state of their own in forked children."""

from __future__ import annotations

from tests.support.sampling_server import SamplingServer
from tests.support.scripts import run

STARTS = """
def starts_sampled():
    with tracer.start_as_current_span("x") as span:
        return span.get_span_context().trace_flags.sampled

def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
"""


def test_a_forked_child_asks_jaeger_by_itself() -> None:
    everything, nothing = ({"probabilisticSampling": {"samplingRate": rate}} for rate in (1, 0))
    with SamplingServer(everything, nothing) as server:
        run(
            """
            wait_for(starts_sampled)
            child = os.fork()
            wait_for((lambda: not starts_sampled()) if child == 0 else starts_sampled)
            if child: assert os.waitpid(child, 0)[1] == 0
            """,
            server.endpoint,
            before=STARTS,
            OTEL_TRACES_EXPORTER="none",
            OTEL_TRACES_SAMPLER="jaeger_remote",
            OTEL_TRACES_SAMPLER_ARG=f"endpoint={server.endpoint},initialSamplingRate=0",
        )
        assert server.asked == ["/sampling?service=script"] * 2


def test_a_forked_child_counts_what_it_has_skipped_itself() -> None:
    run(
        """
        with tracer.start_as_current_span("x"): pass
        for _ in range(1000): starts_sampled()
        child = os.fork()
        if child == 0:
            tries = 1
            while not (span := tracer.start_span("x")).is_recording(): tries += 1
            assert dict(span.attributes) == {"sampler.adjusted_count": tries}, (dict(span.attributes), tries)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """,
        "http://127.0.0.1:1",
        before=STARTS,
        OTEL_TRACES_EXPORTER="none",
        OTEL_TRACES_SAMPLER="rate_limit",
        OTEL_TRACES_SAMPLER_ARG="1",
    )
