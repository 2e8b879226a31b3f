"""What code in the wild reads and writes of a span under the SDK's private names, and what it takes a span for."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest
from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from pyspan import _core
from pyspan.sdk.resources import Resource
from pyspan.sdk.trace import Event, ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider, _Span
from pyspan.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from pyspan.sdk.trace.export import SpanExportResult as Ours
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pyspan.sdk.trace.sampling import ALWAYS_OFF

OTHER = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1))


def full_span() -> Any:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("scope", "1")
    parent = trace.set_span_in_context(trace.NonRecordingSpan(OTHER))
    span = tracer.start_span("name", parent, SpanKind.CLIENT, {"a": 1}, [Link(OTHER, {"l": 1})], 10)
    span.add_event("event", {"e": 1}, 11)
    span.set_status(Status(StatusCode.ERROR, "why"))
    return span


@pytest.mark.parametrize(
    "name",
    [
        *("attributes", "events", "name", "status", "context", "end_time", "instrumentation_scope"),
        *("kind", "links", "parent", "resource", "start_time"),
    ],
)
def test_a_private_name_shows_what_the_public_one_shows(name: str) -> None:
    span = full_span()
    span.end(12)
    public, private = getattr(span, name), getattr(span, f"_{name}")
    assert shown(private) == shown(public)


def shown(value: Any) -> object:
    if isinstance(value, tuple) and not isinstance(value, SpanContext):
        return [(item.attributes, getattr(item, "name", "")) for item in value]
    if isinstance(value, Status):
        return value.status_code, value.description
    return dict(value) if hasattr(value, "items") else value


def test_a_processor_redacts_by_replacing_what_the_span_holds() -> None:
    def redact(span: Any) -> None:
        span._name = "[redacted]"
        span._attributes = {"a": "[redacted]"}
        span._events = [Event("[redacted]", {"e": 2}, 11)]
        span._status = Status(StatusCode.UNSET)

    span = ended_after("on_end", redact)
    assert (span.name, dict(span.attributes), span.status.status_code) == (
        "[redacted]",
        {"a": "[redacted]"},
        StatusCode.UNSET,
    )
    assert [(event.name, dict(event.attributes or {}), event.timestamp) for event in span.events] == [
        ("[redacted]", {"e": 2}, 11)
    ]


@pytest.mark.parametrize("hook", ["on_start", "_on_ending", "on_end"])
def test_a_processor_redacts_single_attributes_in_place(hook: str) -> None:
    def redact(span: Any) -> None:
        span._attributes["a"] = "[redacted]"
        del span._attributes["b"]

    assert dict(ended_after(hook, redact).attributes) == {"a": "[redacted]", "c": 3}


def ended_after(hook: str, change: Callable[[Any], None]) -> ReadableSpan:
    class Changing(SpanProcessor):
        pass

    setattr(Changing, hook, lambda self, span, parent_context=None: change(span))
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Changing())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    span = provider.get_tracer("x").start_span("x", attributes={"a": 1, "b": 2, "c": 3})
    span.add_event("event", {"e": 1}, 11)
    span.set_status(StatusCode.ERROR, "secret")
    span.end()
    return exporter.get_finished_spans()[0]


def test_what_a_processor_redacts_leaves_the_process_redacted() -> None:
    """Whatever the order: native queues are filled after the processors in Python were called."""
    queue = _core.SpanQueue(max_spans=10, max_bytes=1_000_000, batch_spans=1, batch_bytes=1_000_000)
    provider = TracerProvider(shutdown_on_exit=False)
    provider._recorder.add_queue(queue)

    class Redact(SpanProcessor):
        def on_end(self, span: Any) -> None:
            span._attributes = {"user.name": "[redacted]"}

    provider.add_span_processor(Redact())
    provider.get_tracer("x").start_span("x", attributes={"user.name": "hunter2"}).end()
    batch = queue.take(partial=True)
    assert batch is not None
    assert b"[redacted]" in batch.data
    assert b"hunter2" not in batch.data


def test_attributes_that_were_dropped_stay_counted_when_the_rest_is_replaced() -> None:
    limits = SpanLimits(max_span_attributes=1)
    span: Any = TracerProvider(shutdown_on_exit=False, span_limits=limits).get_tracer("x").start_span("x")
    span.set_attributes({"a": 1, "b": 2})
    span._attributes = {"c": 3}
    assert (dict(span.attributes), span.dropped_attributes) == ({"c": 3}, 1)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda span: span._readable_span()])
def test_a_copy_shows_what_the_span_showed_and_can_be_changed(copied: Callable[[Any], Any]) -> None:
    span = full_span()
    span.end(12)
    twin: Any = copied(span)
    assert type(twin).__name__ == "ReadableSpan"
    assert twin.to_json() == span.to_json()
    twin._name, twin._attributes["a"] = "other", 2
    assert (span.name, dict(span.attributes)) == ("name", {"a": 1})


@pytest.mark.skipif(not hasattr(BoundedAttributes, "__deepcopy__"), reason="this API's attributes cannot be copied")
def test_a_copy_of_a_copy_is_its_own() -> None:
    span = full_span()
    twin: Any = copy.deepcopy(span._readable_span())
    twin._attributes["a"] = 2
    assert (twin.attributes["a"], span.attributes["a"]) == (2, 1)
    assert [event.name for event in twin.events] == ["event"]


def test_vars_of_a_span_are_those_of_its_copy() -> None:
    assert vars(full_span())["_name"] == "name"


def test_a_span_counts_as_the_sdk_s_where_that_is_imported() -> None:
    their_trace = pytest.importorskip("opentelemetry.sdk.trace")
    span = full_span()
    kinds = (trace.Span, Span, _Span, ReadableSpan, their_trace.Span, their_trace.ReadableSpan)
    assert [kind for kind in kinds if not isinstance(span, kind)] == []
    assert not isinstance(span, trace.NonRecordingSpan)
    assert type(span) is Span


def test_a_span_that_is_not_recorded_counts_as_the_api_s() -> None:
    span = TracerProvider(ALWAYS_OFF, shutdown_on_exit=False).get_tracer("x").start_span("x")
    assert isinstance(span, trace.NonRecordingSpan)
    assert not span.is_recording()


def test_looking_at_a_span_s_class_imports_no_other_sdk() -> None:
    code = """
import sys
from opentelemetry import trace
from pyspan.sdk.trace import Span, TracerProvider
span = TracerProvider(shutdown_on_exit=False).get_tracer("x").start_span("x")
assert isinstance(span, trace.Span) and span.__class__ is Span
assert "opentelemetry.sdk.trace" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_tracer_shows_the_parts_of_its_provider() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    tracer: Any = provider.get_tracer("x")
    assert tracer.id_generator is provider.id_generator
    assert tracer.span_processor is provider._active_span_processor
    assert tracer.start_span("x")._span_processor is provider._active_span_processor
    assert tracer._tracer_config.is_enabled is True
    assert provider._resource is provider.resource


def test_a_provider_shows_what_shuts_it_down_at_exit() -> None:
    provider = TracerProvider()
    assert provider._atexit_handler is not None
    provider._atexit_handler()
    assert provider._atexit_handler is None


def test_a_span_is_built_by_hand_and_goes_to_its_processor(caplog: pytest.LogCaptureFixture) -> None:
    exporter = InMemorySpanExporter()
    own = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1))
    span = _Span(
        "name",
        own,
        parent=OTHER,
        resource=Resource({"r": 1}),
        attributes={"a": 1},
        events=[Event("event", {"e": 1}, 11)],
        links=[Link(OTHER)],
        kind=SpanKind.SERVER,
        span_processor=SimpleSpanProcessor(exporter),
    )
    assert span.is_recording()
    assert (span.start_time, span.end_time) == (None, None)
    with pytest.raises(RuntimeError, match="not started"):
        span.end()
    span.start(10)
    span.start(99)
    span.set_attribute("b", 2)
    span.end(12)
    (seen,) = exporter.get_finished_spans()
    assert seen.context is own
    assert (seen.name, seen.parent, seen.kind, dict(seen.attributes)) == (
        *("name", OTHER, SpanKind.SERVER),
        {"a": 1, "b": 2},
    )
    assert (seen.start_time, seen.end_time, dict(seen.resource.attributes)) == (10, 12, {"r": 1})
    assert ([event.name for event in seen.events], [link.context for link in seen.links]) == (["event"], [OTHER])
    assert [record.getMessage() for record in caplog.records] == ["Calling start() on a started span."]


def test_a_span_built_by_hand_keeps_a_context_that_is_none() -> None:
    stand_in: Any = object.__new__(type("StandIn", (), {"trace_id": None, "span_id": 0, "is_remote": 0}))
    stand_in.trace_flags = 0
    span = _Span("name", stand_in, resource=Resource.get_empty())
    assert span.get_span_context() is stand_in


def test_a_span_built_by_hand_is_a_parent_and_is_exported_in_batches() -> None:
    exporter = InMemorySpanExporter()
    processor = BatchSpanProcessor(exporter)
    own = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1))
    span: Any = _Span("name", own, span_processor=processor)
    span.start()
    child: Any = TracerProvider(shutdown_on_exit=False).get_tracer("x").start_span("x", trace.set_span_in_context(span))
    span.end()
    processor.shutdown()
    assert [seen.name for seen in exporter.get_finished_spans()] == ["name"]
    assert child.parent == span.context


def test_spans_are_made_by_tracers_only() -> None:
    with pytest.raises(TypeError):
        Span()


def test_a_provider_works_with_stand_ins_for_its_parts(caplog: pytest.LogCaptureFixture) -> None:
    provider = TracerProvider(Mock(), Mock(), shutdown_on_exit=False)
    provider.get_tracer("x").start_span("x").end()
    assert "whose attributes are no mapping" in caplog.text


def test_an_id_generator_that_only_shares_the_name_is_asked() -> None:
    class RandomIdGenerator:
        def generate_trace_id(self) -> int:
            return 5

        def generate_span_id(self) -> int:
            return 6

        def is_trace_id_random(self) -> bool:
            return False

    generator: Any = RandomIdGenerator()
    span = TracerProvider(shutdown_on_exit=False, id_generator=generator).get_tracer("x").start_span("x")
    assert span.get_span_context().trace_id == 5


@pytest.mark.parametrize("trace_state", ["foo=bar", {"foo": "bar"}])
def test_a_link_is_kept_whose_trace_state_is_of_another_type(trace_state: Any) -> None:
    context = SpanContext(0, 0, is_remote=False, trace_state=trace_state)
    span: Any = TracerProvider(shutdown_on_exit=False).get_tracer("x").start_span("x")
    span.add_link(context)
    assert [link.context.trace_state.to_header() for link in span.links] == ["foo=bar"]


@pytest.mark.parametrize("first", ["child", "parent"])
def test_a_child_shows_the_very_context_that_its_parent_shows(first: str) -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("x")
    parent: Any = tracer.start_span("parent")
    child: Any = tracer.start_span("child", trace.set_span_in_context(parent))
    if first == "child":
        assert child.parent == parent.context
    assert parent.get_span_context() is child.parent
    assert child.parent is not child.context


def test_contexts_that_differ_are_never_taken_for_one_another() -> None:
    """Also not by ids that are 1,024 apart, or the same with other flags."""
    own = [SpanContext(1, span_id, remote, TraceFlags(1)) for span_id in (1, 1025) for remote in (True, False)]
    spans = [_Span("x", context, resource=Resource.get_empty()) for context in (*own, *own)]
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("x")
    children: list[Any] = [tracer.start_span("x", trace.set_span_in_context(span)) for span in spans]  # type: ignore[arg-type]
    assert [child.parent for child in children] == [*own, *own]
    assert [child.parent.is_remote for child in children] == [True, False] * 4


def test_the_names_that_others_import_from_the_sdk_s_modules_are_here() -> None:
    from pyspan.sdk import trace as ours
    from pyspan.sdk.trace import export

    assert (ours.Status, ours.StatusCode, ours.SpanContext) == (Status, StatusCode, SpanContext)
    assert (export.ReadableSpan, export.SpanProcessor, export.Span) == (ReadableSpan, SpanProcessor, Span)
    assert (ours.logger.name, export.logger.name) == ("pyspan.sdk.trace", "pyspan.sdk.trace.export")
    assert ours._UnsetLimits.max_events is None
    assert SpanLimits().max_links == ours._DEFAULT_OTEL_SPAN_LINK_COUNT_LIMIT
    with pytest.raises(AttributeError, match="no_such"):
        _ = ours.no_such


def test_the_result_of_an_export_equals_the_sdk_s() -> None:
    their_export = pytest.importorskip("opentelemetry.sdk.trace.export")
    pairs: list[tuple[Any, Any]] = [(ours, theirs) for ours in Ours for theirs in their_export.SpanExportResult]
    equal = [(ours.name, theirs.name) for ours, theirs in pairs if ours == theirs and theirs == ours]
    assert equal == [("SUCCESS", "SUCCESS"), ("FAILURE", "FAILURE")]
    assert Ours.SUCCESS != "SUCCESS"
    assert {Ours.SUCCESS: 1}[Ours(0)] == 1


class OwnProvider(TracerProvider):
    """One that an application derives."""


@pytest.mark.parametrize("kind", [TracerProvider, OwnProvider])
def test_a_provider_counts_as_the_sdk_s_where_that_is_imported(kind: type[TracerProvider]) -> None:
    their_trace = pytest.importorskip("opentelemetry.sdk.trace")
    provider: Any = kind(shutdown_on_exit=False)
    kinds = (trace.TracerProvider, TracerProvider, kind, their_trace.TracerProvider)
    assert [known for known in kinds if not isinstance(provider, known)] == []
    assert provider.__class__ is kind


def test_a_provider_counts_as_the_sdk_s_also_where_that_is_imported_later() -> None:
    pytest.importorskip("opentelemetry.sdk.trace")
    code = """
import importlib
from pyspan.sdk.trace import TracerProvider
provider = TracerProvider(shutdown_on_exit=False)
assert provider.__class__ is TracerProvider
theirs = importlib.import_module("opentelemetry.sdk.trace")
assert isinstance(provider, theirs.TracerProvider)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_limits_of_the_sdk_hold() -> None:
    limits = pytest.importorskip("opentelemetry.sdk.trace").SpanLimits(max_events=1, max_span_attribute_length=2)
    span: Any = TracerProvider(shutdown_on_exit=False, span_limits=limits).get_tracer("x").start_span("x")
    span.add_event("first")
    span.add_event("second")
    span.set_attribute("a", "text")
    assert ([event.name for event in span.events], span.dropped_events, span.attributes["a"]) == (["second"], 1, "te")


@pytest.mark.parametrize("attributes", [None, {}, {"a": (1, 2), "b": {"c": [1.5, None]}}])
def test_a_span_without_and_with_attributes_has_the_sdk_s_json(attributes: Any) -> None:
    their_trace = pytest.importorskip("opentelemetry.sdk.trace")
    fields: dict[str, Any] = {"name": "x", "context": OTHER, "attributes": attributes, "start_time": 1}
    theirs = their_trace.ReadableSpan(**fields, resource=their_trace.Resource({"r": 1}))
    assert ReadableSpan(**fields, resource=Resource({"r": 1})).to_json() == theirs.to_json()
