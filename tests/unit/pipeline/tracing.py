"""A native recorder over a queue, for tests that want real spans."""

from __future__ import annotations

from types import SimpleNamespace

from pyspan._core import Limits, Recorder, SpanQueue, Tracer, always_on, encode_resource, encode_scope

__all__ = ["make_queue", "make_spans", "make_tracer"]

UNLIMITED = Limits(
    attributes=None,
    events=None,
    links=None,
    event_attributes=None,
    link_attributes=None,
    attribute_length=None,
    span_attribute_length=None,
)


def make_queue(batch_spans: int = 512, max_spans: int = 65_536) -> SpanQueue:
    return SpanQueue(max_spans=max_spans, max_bytes=32 << 20, batch_spans=batch_spans, batch_bytes=2 << 20)


def make_tracer(queue: SpanQueue) -> Tracer:
    resource, scope = SimpleNamespace(attributes={}), SimpleNamespace(name="test", version="1")
    encoded = encode_resource({"service.name": "test"})
    recorder = Recorder(resource, encoded, "", UNLIMITED, None, always_on(), None)
    recorder.add_queue(queue)
    return recorder.tracer(scope, encode_scope("test", "1", {}), "")


def make_spans(tracer: Tracer, count: int) -> set[tuple[str, str]]:
    """Record spans and return their (trace id, span id) in hex."""
    made = set()
    for number in range(count):
        with tracer.start_as_current_span("op", attributes={"number": number}) as span:
            context = span.get_span_context()
        made.add((f"{context.trace_id:032x}", f"{context.span_id:016x}"))
    return made
