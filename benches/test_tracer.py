"""The tracer's cost a span, beside opentelemetry-sdk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from benches import tracers, workloads
from benches.paired import run_in_turns
from pyspan import propagation
from pyspan._core import SpanQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.propagators.textmap import TextMapPropagator

API_PROPAGATOR = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])


@pytest.mark.parametrize(
    ("name", "workload", "count", "goal"),
    [
        ("W1 empty current span", workloads.empty_span, 40_000, ">= 25x"),
        ("start_span + end", workloads.start_and_end, 40_000, ""),
        ("W2 server span with a child", workloads.server_span, 20_000, ">= 25x"),
        ("W9 100 tasks, a span in a span (a task)", workloads.tasks, 4_000, ""),
    ],
)
def test_recorded_spans(benchmark: Any, report: Any, name: Any, workload: Any, count: Any, goal: Any) -> None:
    ours, peer = tracers.discarding()
    own = ours.flushed(workload(ours.tracer))
    pair = run_in_turns(own, peer.flushed(workload(peer.tracer)), count=count, peer_count=count // 10)
    report(name, pair, goal=goal)
    benchmark.pedantic(own, args=(count,), rounds=3)


def test_unsampled_spans(benchmark: Any, report: Any) -> None:
    ours, peer = tracers.unsampled()
    own = workloads.server_span(ours.tracer)
    pair = run_in_turns(own, workloads.server_span(peer.tracer), count=4_000, peer_count=1_000)
    report("W2 unsampled", pair)
    benchmark.pedantic(own, args=(4_000,), rounds=3)


@pytest.mark.parametrize(
    ("name", "propagator"),
    [
        ("W4 extract, span, inject (API's propagators)", API_PROPAGATOR),
        ("W4 extract, span, inject (our propagators)", None),
    ],
)
def test_propagated_spans(benchmark: Any, report: Any, name: str, propagator: TextMapPropagator | None) -> None:
    ours, peer = tracers.discarding()
    own_propagator = propagator or CompositePropagator(
        [propagation.TraceContextTextMapPropagator(), propagation.W3CBaggagePropagator()]
    )
    own = ours.flushed(workloads.propagated(ours.tracer, own_propagator))
    theirs = peer.flushed(workloads.propagated(peer.tracer, API_PROPAGATOR))
    report(name, run_in_turns(own, theirs, count=2_000, peer_count=1_000))
    benchmark.pedantic(own, args=(2_000,), rounds=3)


def test_encoding(benchmark: Any, report: Any) -> None:
    def finished(tracer: Any) -> list[Any]:
        span = tracer.start_span("GET /orders/{id}", kind=workloads.SERVER, attributes=workloads.REQUEST)
        span.end()
        return [span] * 500

    ours, peer = tracers.discarding()
    our_spans, peer_spans = finished(ours.tracer), finished(peer.tracer)
    queue = SpanQueue(max_spans=1_000, max_bytes=1 << 20, batch_spans=500, batch_bytes=1 << 20)

    def own(count: int) -> None:
        for _ in range(max(1, count // 500)):
            for span in our_spans:
                queue.push(span)
            assert queue.take(partial=True)

    def theirs(count: int) -> None:
        for _ in range(max(1, count // 500)):
            encode_spans(peer_spans).SerializeToString()

    report("encode a span with 8 attributes to OTLP", run_in_turns(own, theirs, count=5_000, peer_count=500))
    benchmark.pedantic(own, args=(5_000,), rounds=3)


def test_processor_in_python(benchmark: Any, report: Any) -> None:
    ours, peer = tracers.reading()
    own = workloads.server_span(ours.tracer)
    pair = run_in_turns(own, workloads.server_span(peer.tracer), count=1_000, peer_count=1_000)
    report("W2, a user's processor reads each span", pair, goal=">= 1x")
    benchmark.pedantic(own, args=(1_000,), rounds=3)


def _read_all(spans: Any) -> list[Any]:
    return [(span.name, dict(span.attributes), span.context.trace_id, span.start_time, span.end_time) for span in spans]


@pytest.mark.parametrize(
    ("name", "export"),
    [
        ("W2, a user's exporter reads attributes", _read_all),
        ("W2, opentelemetry's OTLP encoder as exporter", lambda spans: encode_spans(spans).SerializeToString()),
    ],
)
def test_exporter_in_python(benchmark: Any, report: Any, name: str, export: Callable[[Sequence[Any]], object]) -> None:
    ours, peer = tracers.exporting_in_python(export)
    own = ours.flushed(workloads.server_span(ours.tracer))
    theirs = peer.flushed(workloads.server_span(peer.tracer))
    report(name, run_in_turns(own, theirs, count=1_000, peer_count=1_000), goal=">= 1x")
    benchmark.pedantic(own, args=(1_000,), rounds=3)
