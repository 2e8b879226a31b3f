"""The provider: tracers by scope, processors at any time, what ends with it."""

from __future__ import annotations

import gc
import math
import weakref
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from opentelemetry import trace

from pyspan.sdk.resources import Resource
from pyspan.sdk.trace import (
    ReadableSpan,
    Span,
    SpanProcessor,
    SynchronousMultiSpanProcessor,
    Tracer,
    TracerProvider,
    _RuleBasedTracerConfigurator,
    _TracerConfig,
)
from pyspan.sdk.trace._tracers import KEPT
from pyspan.sdk.trace.export import SimpleSpanProcessor
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

if TYPE_CHECKING:
    from pyspan.sdk.util.instrumentation import InstrumentationScope


def make(**settings: Any) -> tuple[TracerProvider, InMemorySpanExporter]:
    provider = TracerProvider(shutdown_on_exit=False, **settings)
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider, exporter


def names(exporter: InMemorySpanExporter) -> list[str]:
    return [span.name for span in exporter.get_finished_spans()]


def test_tracers_and_spans_are_what_the_api_and_the_sdk_call_so() -> None:
    provider, _ = make()
    tracer: Any = provider.get_tracer("x")
    assert all(isinstance(tracer, kind) for kind in (trace.Tracer, Tracer))
    with tracer.start_as_current_span("x") as span:
        assert all(isinstance(span, kind) for kind in (trace.Span, Span, ReadableSpan))


def test_the_same_scope_has_the_same_tracer() -> None:
    provider, _ = make()
    one = provider.get_tracer("name", "1", "schema", {"a": 1})
    assert provider.get_tracer("name", "1", "schema", {"a": 1}) is one
    assert provider.get_tracer("name", "1", "schema", {"a": 2}) is not one
    assert provider.get_tracer("name", "2", "schema", {"a": 1}) is not one
    assert provider.get_tracer("name") is provider.get_tracer("name", "")


def test_a_span_names_its_scope_and_its_resource() -> None:
    provider, exporter = make(resource=Resource({"service.name": "shop"}))
    provider.get_tracer("lib", "1.2", "https://schema", {"a": 1}).start_span("x").end()
    span = exporter.get_finished_spans()[0]
    scope = span.instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.version, scope.schema_url, dict(scope.attributes or {})) == (
        "lib",
        "1.2",
        "https://schema",
        {"a": 1},
    )
    assert span.resource is provider.resource
    with pytest.warns(DeprecationWarning, match="instrumentation_scope"):
        assert span.instrumentation_info is not None


@pytest.mark.parametrize("name", ["", None])
def test_a_tracer_without_a_name_is_logged_and_works(name: Any, caplog: pytest.LogCaptureFixture) -> None:
    provider, exporter = make()
    provider.get_tracer(name).start_span("x").end()
    assert "missing module name" in caplog.text
    assert names(exporter) == ["x"]


def test_a_disabled_sdk_gives_tracers_that_do_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", " True ")
    provider, exporter = make()
    assert isinstance(provider.get_tracer("x"), trace.NoOpTracer)
    provider.get_tracer("x").start_span("x").end()
    assert names(exporter) == []


def test_a_processor_that_is_added_later_sees_later_ends() -> None:
    provider, first = make()
    tracer = provider.get_tracer("x")
    span = tracer.start_span("started before")
    second = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(second))
    span.end()
    tracer.start_span("after").end()
    assert names(first) == names(second) == ["started before", "after"]


def test_processors_are_called_in_order_with_their_arguments() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    calls = Mock()
    for name in ("first", "second"):
        processor = Mock(spec=SpanProcessor)
        calls.attach_mock(processor, name)
        provider.add_span_processor(processor)
    context = trace.set_span_in_context(trace.INVALID_SPAN)
    span = provider.get_tracer("x").start_span("x", context)
    span.end()
    order = [name for name, _, _ in calls.mock_calls]
    assert order == [f"{name}.{hook}" for hook in ("on_start", "_on_ending", "on_end") for name in ("first", "second")]
    calls.first.on_start.assert_called_once_with(span, parent_context=context)
    calls.second.on_end.assert_called_once_with(span)


def test_a_processor_may_write_at_the_start_and_not_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    class Stamp(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            span.set_attribute("start", 1)

        def on_end(self, span: Any) -> None:
            span.set_attribute("end", 1)

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Stamp())
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.get_tracer("x").start_span("x").end()
    assert dict(exporter.get_finished_spans()[0].attributes) == {"start": 1}
    assert "ended span" in caplog.text


def test_processors_that_were_given_and_added_to_the_active_one_are_called() -> None:
    active = SynchronousMultiSpanProcessor()
    early, late = InMemorySpanExporter(), InMemorySpanExporter()
    active.add_span_processor(SimpleSpanProcessor(early))
    provider = TracerProvider(shutdown_on_exit=False, active_span_processor=active)
    active.add_span_processor(SimpleSpanProcessor(late))
    provider.get_tracer("x").start_span("x").end()
    assert names(early) == names(late) == ["x"]


def test_flush_and_shutdown_reach_the_processors() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    processor = Mock(spec=SpanProcessor)
    processor.force_flush.return_value = False
    provider.add_span_processor(processor)
    assert provider.force_flush(100) is False
    assert 0 < processor.force_flush.call_args.args[0] <= 100
    provider.shutdown()
    processor.shutdown.assert_called_once_with()


def test_tracers_can_be_switched_off_by_scope_also_later() -> None:
    off, on = _TracerConfig(is_enabled=False), _TracerConfig(is_enabled=True)
    rules = _RuleBasedTracerConfigurator(rules=[(lambda scope: scope.name == "noisy", off)], default_config=on)
    provider, exporter = make(_tracer_configurator=rules)
    noisy, good = provider.get_tracer("noisy"), provider.get_tracer("good")
    for tracer in (noisy, good):
        tracer.start_span("first").end()
    provider._set_tracer_configurator(tracer_configurator=lambda scope: on)
    noisy.start_span("second").end()
    assert names(exporter) == ["first", "second"]


def test_a_configurator_that_fails_leaves_the_tracer_on(caplog: pytest.LogCaptureFixture) -> None:
    def fail(scope: InstrumentationScope) -> _TracerConfig:
        raise LookupError(scope.name)

    provider, exporter = make(_tracer_configurator=fail)
    provider.get_tracer("x").start_span("x").end()
    assert names(exporter) == ["x"]
    assert "Tracer Config" in caplog.text


def test_a_tracer_shows_what_it_works_with() -> None:
    provider, _ = make()
    tracer: Any = provider.get_tracer("x")
    assert tracer.resource is provider.resource
    assert tracer.sampler is provider.sampler
    assert tracer._instrumentation_scope.name == "x"


def test_a_provider_that_nobody_knows_is_collected() -> None:
    provider, _ = make()
    provider.get_tracer("x").start_span("x").end()
    known = weakref.ref(provider)
    del provider
    gc.collect()
    assert known() is None


def test_a_tracer_name_that_is_no_text_is_logged_and_used_as_text(caplog: pytest.LogCaptureFixture) -> None:
    provider, exporter = make()
    odd: Any = (5, 1.5, ["schema"], 3)
    provider.get_tracer(*odd).start_span("x").end()
    scope = exporter.get_finished_spans()[0].instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.version, scope.schema_url, dict(scope.attributes or {})) == ("5", "1.5", "['schema']", {})
    assert all(f"{name}=" in caplog.text for name in ("name", "version", "schema_url", "attributes"))


def test_a_tracer_name_that_utf_8_cannot_hold_is_mended() -> None:
    provider, exporter = make()
    provider.get_tracer("caf\u00e9 \ud800").start_span("x").end()
    scope = exporter.get_finished_spans()[0].instrumentation_scope
    assert scope is not None
    assert scope.name == "caf\u00e9 ?"


def test_a_provider_that_nobody_holds_is_gone_without_the_collector() -> None:
    gc.disable()
    try:
        provider, exporter = make()
        provider.get_tracer("x").start_span("x").end()
        exporter.clear()  # its spans hold their tracer
        known, recorder = weakref.ref(provider), weakref.ref(provider._recorder)
        del provider
        assert (known(), recorder()) == (None, None)
    finally:
        gc.enable()


def test_a_tracer_takes_its_spans_to_the_processors_of_a_provider_that_is_gone() -> None:
    provider, exporter = make()
    tracer = provider.get_tracer("x")
    active = provider._active_span_processor
    del provider
    late = InMemorySpanExporter()
    active.add_span_processor(SimpleSpanProcessor(late))
    tracer.start_span("x").end()
    assert names(exporter) == names(late) == ["x"]


def test_tracers_that_nobody_holds_are_forgotten_but_for_the_latest() -> None:
    provider, _ = make()
    held = provider.get_tracer("held")
    first = weakref.ref(provider.get_tracer("0"))
    for number in range(1, 3 * KEPT):
        provider.get_tracer(str(number))
    latest: Any = provider.get_tracer(str(3 * KEPT - 1))
    assert first() is None
    assert provider.get_tracer("held") is held
    assert provider.get_tracer(str(3 * KEPT - 1)) is latest
    assert len(provider._tracers.each()) <= KEPT + 1


@pytest.mark.parametrize("timeout", ["x", None, True, math.nan])
def test_a_flush_without_a_usable_timeout_takes_the_default_and_says_so(
    timeout: Any, caplog: pytest.LogCaptureFixture
) -> None:
    provider, _ = make()
    assert provider.force_flush(timeout) is True
    assert f"timeout_millis={timeout!r} is no number from 0 to 86400000, 30000 is used" in caplog.text


@pytest.mark.parametrize(("timeout", "flushed"), [(math.inf, True), (10**400, True), (1e9, True), (-1, False)])
def test_a_flush_takes_any_number(timeout: Any, flushed: bool, caplog: pytest.LogCaptureFixture) -> None:
    provider, _ = make()
    provider.get_tracer("x").start_span("x").end()
    assert provider.force_flush(timeout) is flushed
    assert caplog.records == []


@pytest.mark.parametrize("timeout", ["x", None, True, math.nan, math.inf, -1, 1e12])
def test_a_shutdown_with_an_unusable_timeout_shuts_down(timeout: Any) -> None:
    provider, exporter = make()
    provider.shutdown(timeout)
    provider.get_tracer("x").start_span("too late").end()
    assert exporter.get_finished_spans() == ()
