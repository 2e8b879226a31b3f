"""Spans under an extracted caller: identity, trace state and sampling decision."""

from __future__ import annotations

import pytest
from opentelemetry import trace

from pyspan.propagation import B3SingleFormat, CompositePropagator, TraceContextTextMapPropagator
from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler
from tests.unit.propagation.headers import SPAN_ID, TRACE_ID

BOTH = CompositePropagator([TraceContextTextMapPropagator(), B3SingleFormat()])


def started(headers: dict[str, str], sampler: Sampler = ALWAYS_ON) -> trace.Span:
    """Return a span under the caller that the headers name."""
    tracer = TracerProvider(sampler=sampler, shutdown_on_exit=False).get_tracer("test")
    return tracer.start_span("op", BOTH.extract(headers))


def test_a_span_goes_on_where_the_caller_was() -> None:
    span = started({"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-03", "tracestate": " a=1 , foo@=2,"})
    context = span.get_span_context()
    assert (f"{context.trace_id:032x}", context.trace_flags) == (TRACE_ID, 3)
    assert dict(context.trace_state) == {"a": "1", "foo@": "2"}
    parent = span.parent  # type: ignore[attr-defined]  # the API's spans do not tell
    assert (f"{parent.span_id:016x}", parent.is_remote) == (SPAN_ID, True)
    carrier: dict[str, str] = {}
    BOTH.inject(carrier, trace.set_span_in_context(span))
    assert carrier["tracestate"] == "a=1,foo@=2"


@pytest.mark.parametrize(
    ("decision", "root", "sampled"),
    [("-1", ALWAYS_OFF, True), ("-0", ALWAYS_ON, False), ("", ALWAYS_ON, True), ("", ALWAYS_OFF, False)],
)
def test_the_caller_decides_unless_it_leaves_it_to_us(decision: str, root: Sampler, sampled: bool) -> None:
    span = started({"b3": f"{TRACE_ID}-{SPAN_ID}{decision}"}, ParentBased(root))
    assert span.get_span_context().trace_flags.sampled is sampled
    assert f"{span.get_span_context().trace_id:032x}" == TRACE_ID
