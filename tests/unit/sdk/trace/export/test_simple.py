"""The simple processor, the console, the memory: exporters for tests and for looking on."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, get_value

from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor, SpanExporter, SpanExportResult
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pyspan.sdk.trace.sampling import ALWAYS_OFF

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspan.sdk.trace import ReadableSpan


def make(exporter: SpanExporter, **settings: Any) -> tuple[SimpleSpanProcessor, Any]:
    processor = SimpleSpanProcessor(exporter)
    provider = TracerProvider(shutdown_on_exit=False, **settings)
    provider.add_span_processor(processor)
    return processor, provider.get_tracer("x")


def test_each_span_is_exported_as_it_ends() -> None:
    exporter = InMemorySpanExporter()
    _, tracer = make(exporter)
    with tracer.start_as_current_span("outer"):
        with tracer.start_as_current_span("inner"):
            pass
        assert [span.name for span in exporter.get_finished_spans()] == ["inner"]
    assert [span.name for span in exporter.get_finished_spans()] == ["inner", "outer"]


def test_unsampled_spans_are_not_exported() -> None:
    exporter = InMemorySpanExporter()
    _, tracer = make(exporter, sampler=ALWAYS_OFF)
    tracer.start_span("x").end()
    assert exporter.get_finished_spans() == ()


def test_after_shutdown_spans_are_dropped_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    exporter = InMemorySpanExporter()
    processor, tracer = make(exporter)
    processor.shutdown()
    tracer.start_span("x").end()
    assert exporter.get_finished_spans() == ()
    assert processor._stats()["dropped_after_shutdown"] == 1
    assert "already shutdown" in caplog.text


def test_an_exporter_that_raises_is_logged_and_the_application_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    class Raising(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            assert get_value(_SUPPRESS_INSTRUMENTATION_KEY) is True
            raise OSError("no route")

    processor, tracer = make(Raising())
    tracer.start_span("x").end()
    assert "no route" in caplog.text
    assert processor._stats()["failed"] == 1
    assert get_value(_SUPPRESS_INSTRUMENTATION_KEY) is None


def test_the_console_prints_each_span_as_json() -> None:
    out = io.StringIO()
    _, tracer = make(ConsoleSpanExporter(out=out))
    tracer.start_span("printed").end()
    assert json.loads(out.getvalue())["name"] == "printed"


def test_the_console_prints_as_it_is_told() -> None:
    out = io.StringIO()
    _, tracer = make(ConsoleSpanExporter(out=out, formatter=lambda span: f"<{span.name}>"))
    tracer.start_span("printed").end()
    assert out.getvalue() == "<printed>"


def test_the_memory_keeps_the_newest_until_it_is_cleared_or_shut_down() -> None:
    exporter = InMemorySpanExporter(max_spans=2)
    _, tracer = make(exporter)
    for name in "abc":
        tracer.start_span(name).end()
    assert [span.name for span in exporter.get_finished_spans()] == ["b", "c"]
    exporter.clear()
    assert exporter.get_finished_spans() == ()
    exporter.shutdown()
    assert exporter.export(()) is SpanExportResult.FAILURE


def test_an_exporter_without_export_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match=r"SpanExporter has to define export\(\)"):
        SpanExporter().export(())
