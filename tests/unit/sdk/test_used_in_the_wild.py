"""What instrumentation packages, exporters and tests do with the SDK's tracing, done over it and over pyspan."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import logging
import os
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock, patch

import opentelemetry.sdk as their_sdk
import pytest
from opentelemetry import context as context_api
from opentelemetry import trace as api
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

import pyspan.sdk as our_sdk

Use = Callable[[Any], object]
MODULES = {
    "trace": "trace",
    "export": "trace.export",
    "memory": "trace.export.in_memory_span_exporter",
    "ids": "trace.id_generator",
    "sampling": "trace.sampling",
    "resources": "resources",
    "scopes": "util.instrumentation",
}
PARENT = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1))


def modules_of(sdk: str) -> Any:
    """Import the modules of an SDK under short names."""
    return SimpleNamespace(**{name: importlib.import_module(f"{sdk}.{path}") for name, path in MODULES.items()})


def provider_of(sdk: Any, **options: Any) -> Any:
    return sdk.trace.TracerProvider(shutdown_on_exit=False, **options)


def exported(sdk: Any, work: Callable[[Any], object], **options: Any) -> tuple[Any, ...]:
    """Return what an in-memory exporter has of what was done with a tracer."""
    provider, exporter = provider_of(sdk, **options), sdk.memory.InMemorySpanExporter()
    provider.add_span_processor(sdk.export.SimpleSpanProcessor(exporter))
    work(provider.get_tracer("wild", "1", "https://schema", {"a": 1}))
    spans: tuple[Any, ...] = exporter.get_finished_spans()
    return spans


# TracerProvider


def provider_takes_its_arguments_by_position(sdk: Any) -> object:
    resource = sdk.resources.Resource({"a": 1})
    active, ids = sdk.trace.SynchronousMultiSpanProcessor(), sdk.ids.RandomIdGenerator()
    provider = sdk.trace.TracerProvider(
        sdk.sampling.ALWAYS_OFF, resource, False, active, ids, sdk.trace.SpanLimits(), meter_provider=None
    )
    parts = (provider.sampler, provider.resource, provider.id_generator, provider._active_span_processor)
    return [
        found is given for found, given in zip(parts, (sdk.sampling.ALWAYS_OFF, resource, ids, active), strict=True)
    ]


def provider_takes_a_tracer_configurator(sdk: Any) -> object:
    provider = provider_of(
        sdk, _tracer_configurator=lambda scope: sdk.trace._TracerConfig(is_enabled=scope.name == "on")
    )
    return [provider.get_tracer(name).start_span("x").is_recording() for name in ("on", "off")]


def tracers_are_kept_by_scope(sdk: Any) -> object:
    provider = provider_of(sdk)
    one = provider.get_tracer("a", "1", "s", {"k": 1})
    others = [("a", "1", "s", {"k": 1}), ("b", "1", "s", {"k": 1}), ("a", "1", "s", {"k": 2})]
    return [provider.get_tracer(*scope) is one for scope in others]


def a_disabled_sdk_gives_tracers_that_do_nothing(sdk: Any) -> object:
    os.environ["OTEL_SDK_DISABLED"] = "true"
    return type(provider_of(sdk).get_tracer("x")).__name__, type(
        provider_of(sdk).get_tracer("x").start_span("x")
    ).__name__


def an_empty_name_is_logged(sdk: Any) -> object:
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        provider_of(sdk).get_tracer("")
    finally:
        logging.getLogger().removeHandler(handler)
    return records


def processors_come_after_tracers_and_spans(sdk: Any) -> object:
    provider, exporter = provider_of(sdk), sdk.memory.InMemorySpanExporter()
    span = provider.get_tracer("x").start_span("early")
    provider.add_span_processor(sdk.export.SimpleSpanProcessor(exporter))
    span.end()
    return [span.name for span in exporter.get_finished_spans()]


def flush_and_shutdown_reach_processors(sdk: Any) -> object:
    processor = Mock(spec=sdk.trace.SpanProcessor)
    provider = provider_of(sdk)
    provider.add_span_processor(processor)
    flushed = provider.force_flush(timeout_millis=1_000)
    provider.shutdown()
    return bool(flushed), processor.force_flush.call_count, processor.shutdown.call_count


# Tracer


def tracer_shows_what_it_is_of(sdk: Any) -> object:
    provider = provider_of(sdk)
    tracer = provider.get_tracer("wild", "1", "https://schema", {"a": 1})
    scope = tracer._instrumentation_scope
    return (
        (tracer.resource is provider.resource, tracer.sampler is provider.sampler),
        (tracer.id_generator is provider.id_generator, tracer.span_processor is provider._active_span_processor),
        (scope.name, scope.version, scope.schema_url, dict(scope.attributes)),
        isinstance(scope, sdk.scopes.InstrumentationScope),
    )


def instrumentation_info_is_there_for_old_code(sdk: Any) -> object:
    tracer = provider_of(sdk).get_tracer("wild", "1", "https://schema")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        info, same = tracer.instrumentation_info, tracer.start_span("x").instrumentation_info
    return info.name, info.version, info.schema_url, same == info, isinstance(info, sdk.scopes.InstrumentationInfo)


def current_spans_by_block_and_decorator(sdk: Any) -> object:
    def work(tracer: Any) -> None:
        @tracer.start_as_current_span("sync")  # type: ignore[untyped-decorator]  # of either
        def function() -> None:
            tracer.start_span("below").end()

        @tracer.start_as_current_span("async")  # type: ignore[untyped-decorator]  # of either
        async def coroutine() -> None:
            tracer.start_span("below").end()

        function()
        asyncio.run(coroutine())
        with tracer.start_as_current_span("left open", end_on_exit=False) as span:
            pass
        span.end()

    return [(span.name, span.parent is None) for span in exported(sdk, work)]


def exceptions_are_recorded_as_asked(sdk: Any) -> object:
    def work(tracer: Any) -> None:
        for options in ({}, {"record_exception": False}, {"set_status_on_exception": False}):
            with pytest.raises(KeyError), tracer.start_as_current_span("x", **options):
                raise KeyError("k")
        with pytest.raises(KeyError), tracer.start_span("x"):
            raise KeyError("k")

    return [(len(span.events), span.status.status_code, span.status.description) for span in exported(sdk, work)]


# Span


def a_running_span_can_be_read(sdk: Any) -> object:
    tracer = provider_of(sdk).get_tracer("wild", "1")
    context = api.set_span_in_context(api.NonRecordingSpan(PARENT))
    span = tracer.start_span("x", context, SpanKind.CLIENT, {"a": 1}, [api.Link(PARENT, {"l": 1})], 5)
    span.add_event("e", {"b": 2}, 6)
    span.set_status(Status(StatusCode.ERROR, "why"))
    span.update_name("y")
    return (
        (span.name, span.kind, span.parent, span.context == span.get_span_context(), span.start_time, span.end_time),
        (dict(span.attributes), [(event.name, event.timestamp, dict(event.attributes)) for event in span.events]),
        ([(link.context, dict(link.attributes)) for link in span.links], span.status.status_code),
        (span.dropped_attributes, span.dropped_events, span.dropped_links, span.instrumentation_scope.name),
        (span.resource is tracer.resource, span.is_recording(), sorted(json.loads(span.to_json(indent=None)))),
        (isinstance(span, api.Span), isinstance(span, sdk.trace.ReadableSpan), isinstance(span, sdk.trace.Span)),
    )


def an_ended_span_takes_no_more_and_says_so(sdk: Any) -> object:
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        span = provider_of(sdk).get_tracer("x").start_span("x")
        span.end()
        span.set_attribute("a", 1)
        span.end()
    finally:
        logging.getLogger().removeHandler(handler)
    return dict(span.attributes), len(records), span.is_recording()


def a_span_is_not_made_by_its_class(sdk: Any) -> object:
    with pytest.raises(TypeError) as raised:
        sdk.trace.Span("x", PARENT)
    return raised.type


def a_span_by_hand_is_started_and_ended(sdk: Any) -> object:
    span = sdk.trace._Span("x", PARENT)
    span.start(5)
    span.end(6)
    return span.name, span.start_time, span.end_time, span._readable_span().name, span._start_time


# ReadableSpan, Event, SpanLimits


def a_readable_span_is_built_by_hand(sdk: Any) -> object:
    span = sdk.trace.ReadableSpan(
        name="x",
        context=PARENT,
        parent=None,
        resource=sdk.resources.Resource({"r": 1}),
        attributes={"a": 1},
        events=(sdk.trace.Event("e", {"b": 2}, 3),),
        links=(api.Link(PARENT),),
        kind=SpanKind.SERVER,
        status=Status(StatusCode.OK),
        start_time=4,
        end_time=5,
        instrumentation_scope=sdk.scopes.InstrumentationScope("s", "1"),
    )
    return json.loads(span.to_json()), span._start_time, type(span.events), type(span.links), dict(span.attributes)


def a_readable_span_needs_only_a_name(sdk: Any) -> object:
    span = sdk.trace.ReadableSpan("x", resource=sdk.resources.Resource({}))
    return span.kind, span.status.status_code, span.events, span.links, span.context, span.parent, span.start_time


def attributes_of_ended_spans_are_read_only(sdk: Any) -> object:
    (span,) = exported(sdk, lambda tracer: tracer.start_span("x", attributes={"a": 1}).end())
    with pytest.raises(TypeError):
        span.attributes["a"] = 2
    return type(span.events), type(span.links)


def an_event_knows_what_was_dropped(sdk: Any) -> object:
    tracer = provider_of(sdk, span_limits=sdk.trace.SpanLimits(max_event_attributes=1)).get_tracer("x")
    span = tracer.start_span("x")
    span.add_event("e", {"a": 1, "b": 2})
    return span.events[0].dropped_attributes, sdk.trace.Event("e").timestamp is not None


def limits_are_eight_and_read_the_environment(sdk: Any) -> object:
    os.environ["OTEL_SPAN_EVENT_COUNT_LIMIT"] = "3"
    limits = sdk.trace.SpanLimits(max_links=sdk.trace.SpanLimits.UNSET, max_attributes=5)
    os.environ["OTEL_SPAN_EVENT_COUNT_LIMIT"] = "many"
    with pytest.raises(ValueError, match="OTEL_SPAN_EVENT_COUNT_LIMIT"):
        sdk.trace.SpanLimits()
    return {name: value for name, value in vars(limits).items() if name.startswith("max_")}


# Processors and exporters


def a_processor_is_subclassed(sdk: Any) -> object:
    called: list[str] = []

    class Noting(sdk.trace.SpanProcessor):  # type: ignore[misc]  # of either
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            called.append(f"start {span.name}")

        def _on_ending(self, span: Any) -> None:
            span.set_attribute("late", 1)
            called.append("ending")

        def on_end(self, span: Any) -> None:
            called.append(f"end {dict(span.attributes)}")

    provider = provider_of(sdk)
    provider.add_span_processor(Noting())
    provider.get_tracer("x").start_span("x").end()
    return called, Noting().force_flush(), Noting().shutdown()


def several_processors_are_one(sdk: Any) -> object:
    seen = []
    for joined in (sdk.trace.SynchronousMultiSpanProcessor(), sdk.trace.ConcurrentMultiSpanProcessor(2)):
        exporters = [sdk.memory.InMemorySpanExporter() for _ in range(2)]
        for exporter in exporters:
            joined.add_span_processor(sdk.export.SimpleSpanProcessor(exporter))
        provider = provider_of(sdk, active_span_processor=joined)
        provider.get_tracer("x").start_span("x").end()
        provider.shutdown()
        seen.append([len(exporter.get_finished_spans()) for exporter in exporters])
    return seen


def a_batch_processor_shows_its_exporter(sdk: Any) -> object:
    exporter = sdk.memory.InMemorySpanExporter()
    processor = sdk.export.BatchSpanProcessor(exporter, 100, 1_000, 10, 1_000, meter_provider=None)
    provider = provider_of(sdk)
    provider.add_span_processor(processor)
    provider.get_tracer("x").start_span("x").end()
    flushed = processor.force_flush()
    names = [span.name for span in exporter.get_finished_spans()]
    provider.shutdown()
    shown = hasattr(Mock(spec=sdk.export.BatchSpanProcessor), "span_exporter")
    return flushed, names, processor.span_exporter is exporter, shown


def exporters_run_without_instrumentation(sdk: Any) -> object:
    key = importlib.import_module("opentelemetry.context")._SUPPRESS_INSTRUMENTATION_KEY
    seen = []

    class Looking(sdk.export.SpanExporter):  # type: ignore[misc]  # of either
        def export(self, spans: Any) -> Any:
            seen.append((context_api.get_value(key), len(spans)))
            return sdk.export.SpanExportResult.SUCCESS

    for kind in (sdk.export.SimpleSpanProcessor, sdk.export.BatchSpanProcessor):
        provider = provider_of(sdk)
        provider.add_span_processor(kind(Looking()))
        provider.get_tracer("x").start_span("x").end()
        provider.shutdown()
    return seen, [result.name for result in sdk.export.SpanExportResult]


def the_console_exporter_formats_as_told(sdk: Any) -> object:
    written: list[str] = []
    out = SimpleNamespace(write=written.append, flush=lambda: None)
    exporter = sdk.export.ConsoleSpanExporter(out=out, formatter=lambda span: f"<{span.name}>")
    exporter.export(exported(sdk, lambda tracer: tracer.start_span("x").end()))
    return written


def the_memory_exporter_is_cleared_and_shut_down(sdk: Any) -> object:
    exporter = sdk.memory.InMemorySpanExporter()
    span = sdk.trace.ReadableSpan("x", resource=sdk.resources.Resource({}))
    exporter.export((span,))
    before = exporter.get_finished_spans()
    exporter.clear()
    exporter.shutdown()
    return type(before), len(before), exporter.get_finished_spans(), exporter.export((span,)).name


# Samplers and ids


def samplers_say_what_they_are(sdk: Any) -> object:
    of = sdk.sampling
    ratio = of.TraceIdRatioBased(0.25)
    custom = of.ParentBased(ratio, of.ALWAYS_OFF, of.ALWAYS_ON, of.ALWAYS_OFF, of.ALWAYS_ON)
    samplers = [
        of.ALWAYS_ON,
        of.ALWAYS_OFF,
        of.DEFAULT_ON,
        of.DEFAULT_OFF,
        ratio,
        of.ParentBasedTraceIdRatio(0.5),
        custom,
    ]
    decisions = [decision.name for decision in of.Decision]
    return [sampler.get_description() for sampler in samplers], ratio.rate, ratio.bound, decisions


def a_sampler_of_one_s_own_decides(sdk: Any) -> object:
    class Odd(sdk.sampling.Sampler):  # type: ignore[misc]  # of either
        def should_sample(self, parent_context: Any, trace_id: int, name: str, *_: Any, **__: Any) -> Any:
            keep = sdk.sampling.Decision.RECORD_AND_SAMPLE if name == "keep" else sdk.sampling.Decision.DROP
            state = sdk.sampling._get_parent_trace_state(parent_context)
            return sdk.sampling.SamplingResult(keep, {"sampled": True}, state)

        def get_description(self) -> str:
            return "Odd"

    def work(tracer: Any) -> None:
        for name in ("keep", "leave"):
            tracer.start_span(name).end()

    return [(span.name, dict(span.attributes)) for span in exported(sdk, work, sampler=Odd())]


def samplers_are_named_in_the_environment(sdk: Any) -> object:
    found = []
    for name in ("always_off", "parentbased_always_on", "traceidratio", "parentbased_traceidratio"):
        os.environ.update({"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": "0.25"})
        found.append(provider_of(sdk).sampler.get_description())
    return found


def known_samplers_are_looked_up(sdk: Any) -> object:
    known = sdk.sampling._KNOWN_SAMPLERS
    return sorted(known), known["always_on"].get_description(), known["traceidratio"](0.5).get_description()


def the_parent_s_trace_state_is_handed_on(sdk: Any) -> object:
    state = api.TraceState([("k", "v")])
    parent = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1), trace_state=state)
    within = api.set_span_in_context(api.NonRecordingSpan(parent))
    return [sdk.sampling._get_parent_trace_state(context) for context in (within, None, context_api.Context())]


def an_id_generator_of_one_s_own_is_asked(sdk: Any) -> object:
    class Fixed(sdk.ids.IdGenerator):  # type: ignore[misc]  # of either
        def generate_trace_id(self) -> int:
            return 0xABC

        def generate_span_id(self) -> int:
            return 0xDEF

    (span,) = exported(sdk, lambda tracer: tracer.start_span("x").end(), id_generator=Fixed())
    return span.context.trace_id, span.context.span_id, int(span.context.trace_flags)


def random_ids_say_that_they_are_random(sdk: Any) -> object:
    (span,) = exported(sdk, lambda tracer: tracer.start_span("x").end())
    return int(span.context.trace_flags), sdk.ids.RandomIdGenerator().is_trace_id_random()


USES: list[Use] = [
    use
    for name, use in list(vars().items())
    if inspect.isfunction(use) and use.__module__ == __name__ and list(inspect.signature(use).parameters) == ["sdk"]
    if name != "modules_of"
]


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_it_does_the_same_over_both(use: Use) -> None:
    theirs, ours = (used(use, sdk.__name__) for sdk in (their_sdk, our_sdk))
    assert ours == theirs


def used(use: Use, sdk: str) -> object:
    """Do it with an environment that says nothing, and leave that as it was."""
    with patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith("OTEL_")]:
            del os.environ[name]
        return use(modules_of(sdk))
