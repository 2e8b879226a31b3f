"""The tracer's cost a span, beside opentelemetry-sdk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from opentelemetry import propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from benches import ddtraced, tracers, workloads
from benches.paired import Builder, Pair, run_all_in_turns, run_in_turns
from pyspan import propagation
from pyspan._core import SpanQueue

API_PROPAGATOR = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])


Workload = Callable[[Any], Callable[[int], None]]


def _in_turns(
    builders: tracers.Builders, workload: Workload, count: int, peer_count: int, ddtrace: Builder | None = None
) -> Pair:
    """Run a workload over both, each round ended by a flush, and what ddtrace does for the same."""
    ours, peer = (partial(_flushed, build, workload) for build in builders)
    return run_in_turns(ours, peer, count=count, peer_count=peer_count, ddtrace=ddtrace)


def _flushed(build: Callable[[], tracers.Traced], workload: Workload) -> Callable[[int], None]:
    traced = build()
    return traced.flushed(workload(traced.tracer))


@pytest.mark.parametrize(
    ("name", "workload", "by_ddtrace", "count"),
    [
        ("W1 empty current span", workloads.empty_span, ddtraced.empty_span, 40_000),
        ("start_span + end", workloads.start_and_end, ddtraced.start_and_end, 40_000),
        ("decorator on a function", workloads.decorated, ddtraced.decorated, 40_000),
        ("decorator on a coroutine function", workloads.decorated_async, ddtraced.decorated_async, 40_000),
        ("W2 server span with a child", workloads.server_span, ddtraced.server_span, 20_000),
    ],
)
def test_recorded_spans(report: Any, name: str, workload: Workload, by_ddtrace: Workload, count: int) -> None:
    pair = _in_turns(tracers.discarding(), workload, count, count // 10, ddtraced.sampled(by_ddtrace))
    report(name, pair)


def test_unsampled_spans(report: Any) -> None:
    ddtrace = ddtraced.unsampled(ddtraced.server_span)
    report("W2 unsampled", _in_turns(tracers.unsampled(), workloads.server_span, 4_000, 1_000, ddtrace))


@pytest.mark.timeout(300)
def test_tasks(report: Any) -> None:
    """Each side's tasks with and without spans, in one run: most of a task's cost is the event loop's."""
    builders = [
        (partial(_flushed, build, workload), count)
        for build, count in zip(tracers.discarding(), (4_000, 1_000), strict=True)
        for workload in (workloads.tasks, workloads.untraced_tasks)
    ]
    ours, plain, peer, peer_plain = run_all_in_turns(builders, rounds=100)
    report("W9 100 tasks, a span in a span (a task)", Pair(ours, peer))
    report("W9 added to the same tasks untraced (a task)", Pair(ours - plain, peer - peer_plain))


OUR_PROPAGATOR = propagation.CompositePropagator(
    [propagation.TraceContextTextMapPropagator(), propagation.W3CBaggagePropagator()]
)


def _ours_by_pyspan(tracer: Any) -> Callable[[int], None]:
    return workloads.propagated(tracer, OUR_PROPAGATOR)


def _by_the_global_one(tracer: Any) -> Callable[[int], None]:
    propagate.set_global_textmap(OUR_PROPAGATOR)  # in a process of its own
    return workloads.propagated(tracer, propagate)


def _by_the_api(tracer: Any) -> Callable[[int], None]:
    return workloads.propagated(tracer, API_PROPAGATOR)


@pytest.mark.parametrize(
    ("by", "workload"),
    [
        ("API's propagators", _by_the_api),
        ("opentelemetry.propagate", _by_the_global_one),
        ("our propagators", _ours_by_pyspan),
    ],
)
def test_propagated_spans(report: Any, by: str, workload: Workload) -> None:
    ours, peer = tracers.discarding()
    own, theirs = partial(_flushed, ours, workload), partial(_flushed, peer, _by_the_api)
    ddtrace = ddtraced.sampled(ddtraced.propagated)
    pair = run_in_turns(own, theirs, count=10_000, peer_count=1_000, ddtrace=ddtrace)
    report(f"W4 extract, span, inject ({by})", pair)


@pytest.mark.parametrize(("name", "workload"), [("extract", workloads.extracted), ("inject", workloads.injected)])
def test_propagation_alone(report: Any, name: str, workload: Callable[[Any], Callable[[int], None]]) -> None:
    own, theirs = partial(workload, OUR_PROPAGATOR), partial(workload, API_PROPAGATOR)
    pair = run_in_turns(own, theirs, count=50_000, peer_count=3_000)
    report(f"{name} traceparent, tracestate, baggage", pair)


def test_encoding(report: Any) -> None:
    ours, peer = tracers.discarding()
    own, theirs = partial(_encoded_natively, ours), partial(_encoded_by_the_sdk, peer)
    report("encode a span with 8 attributes to OTLP", run_in_turns(own, theirs, count=5_000, peer_count=500))


def _finished(traced: tracers.Traced) -> list[Any]:
    span = traced.tracer.start_span("GET /orders/{id}", kind=workloads.SERVER, attributes=workloads.REQUEST)
    span.end()
    return [span] * 500


def _encoded_natively(build: Callable[[], tracers.Traced]) -> Callable[[int], None]:
    spans = _finished(build())
    queue = SpanQueue(max_spans=1_000, max_bytes=1 << 20, batch_spans=500, batch_bytes=1 << 20)

    def run(count: int) -> None:
        for _ in range(max(1, count // 500)):
            for span in spans:
                queue.push(span)
            assert queue.take(partial=True)

    return run


def _encoded_by_the_sdk(build: Callable[[], tracers.Traced]) -> Callable[[int], None]:
    spans = _finished(build())

    def run(count: int) -> None:
        for _ in range(max(1, count // 500)):
            encode_spans(spans).SerializeToString()

    return run


def test_processor_in_python(report: Any) -> None:
    pair = _in_turns(tracers.reading(), workloads.server_span, 1_000, 1_000)
    report("W2, a user's processor reads each span", pair)


def _read_all(spans: Any) -> list[Any]:
    return [(span.name, dict(span.attributes), span.context.trace_id, span.start_time, span.end_time) for span in spans]


@pytest.mark.parametrize(
    ("name", "export"),
    [
        ("W2, a user's exporter reads attributes", _read_all),
        ("W2, opentelemetry's OTLP encoder as exporter", lambda spans: encode_spans(spans).SerializeToString()),
    ],
)
def test_exporter_in_python(report: Any, name: str, export: Callable[[Sequence[Any]], object]) -> None:
    pair = _in_turns(tracers.exporting_in_python(export), workloads.server_span, 1_000, 1_000)
    report(name, pair)
