"""A wrong parent after odd values of `traceparent`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace

from pyspan.propagation import TraceContextTextMapPropagator
from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter
from tests.support.scripts import spans

if TYPE_CHECKING:
    from tests.support.otlp_sink import OtlpSink

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HAS_IS_REMOTE, IS_REMOTE = 0x100, 0x200


def child_of(traceparent: str, sink: OtlpSink) -> Any:
    """Start a span below what the header says, a local one below it, and read both back at the backend."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{sink.endpoint}/v1/traces")))
    tracer = provider.get_tracer("x")
    context = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
    with tracer.start_as_current_span("server", context=context):
        tracer.start_span("inner").end()
    provider.shutdown()
    return {span.name: span for _, span in spans(sink)}


@pytest.mark.parametrize(
    "header",
    [
        f"00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-03",
        f"00-{TRACE}-{SPAN}-ff",  # flags of later versions are no reason to refuse
        f"  00-{TRACE}-{SPAN}-01\t",
        f"01-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-what-is-to-come",
    ],
)
def test_a_valid_header_names_a_remote_parent(header: str, sink: OtlpSink) -> None:
    found = child_of(header, sink)
    assert (found["server"].trace_id.hex(), found["server"].parent_span_id.hex()) == (TRACE, SPAN)
    assert found["server"].flags & (HAS_IS_REMOTE | IS_REMOTE) == HAS_IS_REMOTE | IS_REMOTE
    assert found["inner"].flags & (HAS_IS_REMOTE | IS_REMOTE) == HAS_IS_REMOTE


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-0x",
        f"00-{TRACE}-{SPAN}-01-more",
        f"01-{TRACE}-{SPAN}-01more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
    ],
)
def test_an_invalid_header_starts_a_new_trace(header: str, sink: OtlpSink) -> None:
    server = child_of(header, sink)["server"]
    assert server.trace_id.hex() != TRACE
    assert server.parent_span_id == b""
    assert server.flags & IS_REMOTE == 0


def test_a_caller_that_does_not_sample_is_followed(sink: OtlpSink) -> None:
    context = TraceContextTextMapPropagator().extract({"traceparent": f"00-{TRACE}-{SPAN}-00"})
    parent = trace.get_current_span(context).get_span_context()
    assert (parent.is_remote, parent.trace_flags.sampled) == (True, False)
    assert child_of(f"00-{TRACE}-{SPAN}-00", sink) == {}
