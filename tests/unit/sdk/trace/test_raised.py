"""What the user's code raises inside the tracer: an `Exception` is logged, anything else goes on to the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.trace import Link, SpanContext, StatusCode

from pyspan._core import SpanQueue
from pyspan.sdk.trace import ConcurrentMultiSpanProcessor, SpanProcessor, SynchronousMultiSpanProcessor, TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pyspan.sdk.trace.id_generator import IdGenerator
from pyspan.sdk.trace.sampling import Sampler

if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTS = [KeyboardInterrupt, SystemExit]
MULTI = [SynchronousMultiSpanProcessor, ConcurrentMultiSpanProcessor]


class Raises:
    """Raises wherever it is asked for its text."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __str__(self) -> str:
        raise self.error

    __repr__ = __str__


class RaisingText(str):
    """As a translation that needs a request."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("outside of a request")

    def encode(self, *_: Any) -> bytes:
        raise RuntimeError("outside of a request")


class RaisingProcessor(SpanProcessor):
    def __init__(self, method: str, error: BaseException) -> None:
        self.error = error
        setattr(self, method, self.fail)

    def fail(self, *_: Any, **__: Any) -> None:
        raise self.error


class Told(SpanProcessor):
    def __init__(self) -> None:
        self.of: list[str] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.of.append("on_start")

    def _on_ending(self, span: Any) -> None:
        self.of.append("_on_ending")

    def on_end(self, span: Any) -> None:
        self.of.append("on_end")


def provider_of(
    *processors: SpanProcessor, active: Any = None, **arguments: Any
) -> tuple[TracerProvider, InMemorySpanExporter, SpanQueue]:
    """Make a provider whose spans go to the processors, to an exporter and to a native queue, in this order."""
    provider = TracerProvider(shutdown_on_exit=False, active_span_processor=active, **arguments)
    exporter = InMemorySpanExporter()
    for processor in (*processors, SimpleSpanProcessor(exporter)):
        provider.add_span_processor(processor)
    queue = SpanQueue(max_spans=100, max_bytes=100_000, batch_spans=10, batch_bytes=10_000)
    provider._recorder.add_queue(queue)
    return provider, exporter, queue


def delivered(exporter: InMemorySpanExporter, queue: SpanQueue) -> tuple[int, int]:
    return len(exporter.get_finished_spans()), queue.counts()["accepted"]


@pytest.mark.parametrize("multi", MULTI)
@pytest.mark.parametrize("method", ["on_start", "_on_ending", "on_end"])
def test_a_processor_that_raises_keeps_the_span_from_no_other(
    multi: Any, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    told = Told()
    provider, exporter, queue = provider_of(
        RaisingProcessor(method, ValueError("a")), RaisingProcessor(method, ValueError("b")), told, active=multi()
    )
    provider.get_tracer("x").start_span("op").end()
    assert (told.of, delivered(exporter, queue)) == (["on_start", "_on_ending", "on_end"], (1, 1))
    logged = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert [str(error) for error in logged] == ["a", "b"]


def test_a_processor_that_fails_before_the_one_that_redacts_lets_nothing_out() -> None:
    class Redact(SpanProcessor):
        def on_end(self, span: Any) -> None:
            span._attributes["user"] = "-"

    provider, exporter, _ = provider_of(RaisingProcessor("on_end", ValueError("a")), Redact())
    provider.get_tracer("x").start_span("op", attributes={"user": "alice"}).end()
    assert [dict(span.attributes or {}) for span in exporter.get_finished_spans()] == [{"user": "-"}]


@pytest.mark.parametrize("multi", MULTI)
@pytest.mark.parametrize("method", ["_on_ending", "on_end"])
@pytest.mark.parametrize("kind", INTERRUPTS)
def test_what_is_no_exception_leaves_a_processor_after_the_span_went_everywhere(
    multi: Any, method: str, kind: type[BaseException]
) -> None:
    told, error = Told(), kind("now")
    provider, exporter, queue = provider_of(RaisingProcessor(method, error), told, active=multi())
    with pytest.raises(kind) as raised, provider.get_tracer("x").start_as_current_span("op"):
        pass
    assert raised.value is error
    assert (told.of, delivered(exporter, queue)) == (["on_start", "_on_ending", "on_end"], (1, 1))


@pytest.mark.parametrize("multi", MULTI)
@pytest.mark.parametrize("kind", INTERRUPTS)
def test_what_is_no_exception_leaves_a_start_once_all_processors_are_told(
    multi: Any, kind: type[BaseException]
) -> None:
    told, error = Told(), kind("now")
    provider, _, _ = provider_of(RaisingProcessor("on_start", error), told, active=multi())
    tracer = provider.get_tracer("x")
    with pytest.raises(kind):
        tracer.start_span("op")
    with pytest.raises(kind), tracer.start_as_current_span("op"):
        pytest.fail("the block is not entered")
    assert told.of == ["on_start", "on_start"]
    assert provider._stats()["started"] == 2


class RaisingSampler(Sampler):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def should_sample(self, *_: Any, **__: Any) -> Any:
        raise self.error

    def get_description(self) -> str:
        return "raises"


class RaisingIds(IdGenerator):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def generate_trace_id(self) -> int:
        raise self.error

    generate_span_id = generate_trace_id


@pytest.mark.parametrize("kind", INTERRUPTS)
@pytest.mark.parametrize("part", ["sampler", "id_generator"])
def test_what_is_no_exception_leaves_a_sampler_and_an_id_generator(part: str, kind: type[BaseException]) -> None:
    told, error = Told(), kind("now")
    raising = RaisingSampler(error) if part == "sampler" else RaisingIds(error)
    provider, _, _ = provider_of(told, **{part: raising})
    with pytest.raises(kind):
        provider.get_tracer("x").start_span("op")
    assert told.of == ["on_start"]


CONTEXT = SpanContext(1, 1, is_remote=False)
WRITES: list[Callable[[Any, Any], object]] = [
    lambda span, odd: span.set_attribute("key", odd),
    lambda span, odd: span.set_attribute("key", ["a", odd]),
    lambda span, odd: span.set_attributes({"first": 1, "key": {"inner": odd}}),
    lambda span, odd: span.add_event("event", {"key": odd}),
    lambda span, odd: span.add_link(CONTEXT, {"key": odd}),
    lambda span, odd: span.add_event(odd),
    lambda span, odd: span.update_name(odd),
]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("kind", [*INTERRUPTS, ValueError])
def test_what_a_text_raises_goes_on_unless_it_is_an_exception(write: Any, kind: type[BaseException]) -> None:
    error = kind("now")
    provider, exporter, _ = provider_of()
    span = provider.get_tracer("x").start_span("op")
    if isinstance(error, Exception):
        write(span, Raises(error))
    else:
        with pytest.raises(kind):
            write(span, Raises(error))
    span.end()
    assert len(exporter.get_finished_spans()) == 1


@pytest.mark.parametrize("argument", ["attributes", "links"])
@pytest.mark.parametrize("kind", INTERRUPTS)
def test_what_the_first_attributes_raise_goes_on_once_the_span_has_started(
    argument: str, kind: type[BaseException]
) -> None:
    told, odd = Told(), {"k": Raises(kind("now"))}
    provider, _, _ = provider_of(told)
    given: Any = odd if argument == "attributes" else [Link(CONTEXT, odd)]  # type: ignore[arg-type]  # that is what is tested
    with pytest.raises(kind):
        provider.get_tracer("x").start_span("op", **{argument: given})
    assert told.of == ["on_start"]


@pytest.mark.parametrize("current", [True, False])
def test_a_span_ends_although_the_text_of_an_exception_interrupts(current: bool) -> None:
    class SilentError(Exception):
        def __str__(self) -> str:
            raise KeyboardInterrupt

    provider, exporter, _ = provider_of()
    tracer = provider.get_tracer("x")
    with pytest.raises(KeyboardInterrupt), (tracer.start_as_current_span if current else tracer.start_span)("op"):
        raise SilentError
    assert [span.name for span in exporter.get_finished_spans()] == ["op"]


@pytest.mark.parametrize("kind", INTERRUPTS)
def test_what_is_no_exception_leaves_an_exporter_and_its_span_is_counted(kind: type[BaseException]) -> None:
    class Raising(SpanExporter):
        def export(self, spans: Any) -> Any:
            raise kind("now")

    processor = SimpleSpanProcessor(Raising())
    provider, exporter, queue = provider_of(processor)
    with pytest.raises(kind):
        provider.get_tracer("x").start_span("op").end()
    assert delivered(exporter, queue) == (1, 1)
    assert (processor._stats()["taken"], processor._stats()["failed"]) == (1, 1)


@pytest.mark.parametrize("kind", INTERRUPTS)
def test_an_exporter_that_exits_ends_no_thread_of_a_batch_processor(
    kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    class Exits(InMemorySpanExporter):
        def export(self, spans: Any) -> Any:
            if spans[0].name == "first":
                raise kind("now")
            return super().export(spans)

    exporter = Exits()
    processor = BatchSpanProcessor(exporter)
    provider, _, _ = provider_of(processor)
    for name in ("first", "second"):
        provider.get_tracer("x").start_span(name).end()
        assert provider.force_flush(30_000) is True
    assert [span.name for span in exporter.get_finished_spans()] == ["second"]
    assert (processor._stats()["failed"], processor._stats()["exported"]) == (1, 1)
    assert "Exception while exporting Span." in caplog.text


def test_a_name_that_is_a_subclass_of_text_is_taken_as_it_is() -> None:
    provider, exporter, _ = provider_of()
    tracer = provider.get_tracer(RaisingText("lib"), RaisingText("1"))
    with tracer.start_as_current_span(RaisingText("caf\u00e9 \ud800")) as span:
        span.add_event(RaisingText("event"))
        span.set_attribute("key", RaisingText("\ud800"))
    found = exporter.get_finished_spans()[0]
    assert (found.name, found.events[0].name, dict(found.attributes or {})) == (
        "caf\u00e9 \ufffd",
        "event",
        {"key": "\ufffd"},
    )
    assert found.instrumentation_scope is not None
    assert (found.instrumentation_scope.name, found.instrumentation_scope.version) == ("lib", "1")


def test_a_name_whose_text_raises_is_named_by_its_type(caplog: pytest.LogCaptureFixture) -> None:
    provider, exporter, _ = provider_of()
    odd: Any = Raises(ValueError("boom"))
    with provider.get_tracer(odd, odd, odd).start_as_current_span(odd) as span:
        span.add_event(odd)
    found = exporter.get_finished_spans()[0]
    assert (found.name, found.events[0].name) == ("<unprintable Raises>", "<unprintable Raises>")
    assert found.instrumentation_scope is not None
    assert found.instrumentation_scope.name == "<unprintable Raises>"
    assert "str() of a name failed" in caplog.text


def recursive() -> dict[str, Any]:
    items: list[Any] = []
    items.append(items)
    return {"items": items}


class Unreadable(dict[str, Any]):
    def items(self) -> Any:
        raise ValueError("boom")

    __iter__ = keys = items


@pytest.mark.parametrize("attributes", [recursive(), Unreadable(a=1), Raises(ValueError("boom")), 5])
def test_attributes_of_a_scope_that_cannot_be_read_are_left_out(
    attributes: Any, caplog: pytest.LogCaptureFixture
) -> None:
    provider, exporter, _ = provider_of()
    provider.get_tracer("lib", attributes=attributes).start_span("op").end()
    scope = exporter.get_finished_spans()[0].instrumentation_scope
    assert scope is not None
    assert (scope.name, dict(scope.attributes or {})) == ("lib", {})
    # The oldest API leaves out by itself what is recursive, in its own words.
    assert "get_tracer called with attributes" in caplog.text or "Invalid type list in attribute" in caplog.text


@pytest.mark.parametrize("given", [None, 1, "yes", Raises(ValueError("boom"))])
def test_whether_an_exception_escaped_is_taken_in_python_s_sense(given: Any) -> None:
    provider, exporter, _ = provider_of()
    with provider.get_tracer("x").start_as_current_span("op") as span:
        span.record_exception(ValueError("boom"), escaped=given)
    event = exporter.get_finished_spans()[0].events[0]
    assert (event.attributes or {})["exception.escaped"] == str(given is not None)


class Truthless:
    def __bool__(self) -> bool:
        raise ValueError("boom")


def test_a_description_whose_own_code_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    provider, exporter, _ = provider_of()
    description: Any = Truthless()
    with provider.get_tracer("x").start_as_current_span("op") as span:
        span.set_status(StatusCode.ERROR, description)
    assert exporter.get_finished_spans()[0].status.status_code is StatusCode.UNSET
    assert "a status could not be set" in caplog.text


@pytest.mark.parametrize("kind", ["SERVER", 1, Raises(ValueError("boom"))])
def test_a_kind_that_is_none_is_logged_and_internal(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    provider, _, _ = provider_of()
    for start in (provider.get_tracer("x").start_span, provider.get_tracer("x").start_as_current_span):
        caplog.clear()
        assert start("op", kind=kind).kind.name == "INTERNAL"  # type: ignore[union-attr]
        assert "is no `SpanKind`, the span is INTERNAL" in caplog.text


def test_log_lines_about_what_cannot_be_printed_raise_in_no_handler(caplog: pytest.LogCaptureFixture) -> None:
    provider, exporter, _ = provider_of()
    odd: Any = Raises(ValueError("boom"))
    with provider.get_tracer("x").start_as_current_span("op", start_time=odd) as span:
        span.set_attribute(odd, 1)
        span.set_attributes({odd: 1})
        span.add_event("event", timestamp=odd)
    assert [event.name for event in exporter.get_finished_spans()[0].events] == ["event"]
    assert caplog.text.count("<unprintable Raises>") >= 4


def test_a_link_to_nothing_stays_where_its_attributes_were_dropped() -> None:
    provider, exporter, _ = provider_of()
    nothing, dropped = SpanContext(0, 0, is_remote=False), {"": 1}
    with provider.get_tracer("x").start_as_current_span("op", links=[Link(nothing, dropped), Link(nothing)]) as span:
        span.add_link(nothing, dropped)
        span.add_link(nothing, {})
    links = exporter.get_finished_spans()[0].links
    assert [(link.context.is_valid, link.dropped_attributes) for link in links] == [(False, 1), (False, 1)]


@pytest.mark.parametrize("multi", MULTI)
def test_a_flush_that_raises_is_logged_and_stops_no_other(multi: Any, caplog: pytest.LogCaptureFixture) -> None:
    flushed: list[str] = []

    class Flushed(SpanProcessor):
        def force_flush(self, timeout_millis: int = 1) -> bool:
            flushed.append("second")
            return True

    provider, _, _ = provider_of(RaisingProcessor("force_flush", ValueError("boom")), Flushed(), active=multi())
    assert provider.force_flush(30_000) is False
    assert (flushed, "boom" in caplog.text) == (["second"], True)


@pytest.mark.parametrize(("given", "extra"), [({}, {}), ({"service.name": "shop", "a": 1}, {"a": 1})])
def test_a_resource_that_is_a_mapping_is_taken_for_attributes(given: dict[str, Any], extra: dict[str, Any]) -> None:
    attributes = dict(TracerProvider(shutdown_on_exit=False, resource=given).resource.attributes)
    assert attributes.items() >= {**extra, "telemetry.sdk.name": "pyspan"}.items()
    assert attributes["service.name"] == given.get("service.name", attributes["service.name"])


@pytest.mark.parametrize("given", ["x", 5, Raises(ValueError("boom"))])
def test_a_resource_that_is_none_is_logged(given: Any, caplog: pytest.LogCaptureFixture) -> None:
    provider = TracerProvider(shutdown_on_exit=False, resource=given)
    assert provider.resource.attributes["telemetry.sdk.name"] == "pyspan"
    assert "TracerProvider called with resource=" in caplog.text
