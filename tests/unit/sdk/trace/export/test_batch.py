"""The batch processor with an exporter of the user's: when it exports, what it drops, how it ends."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, get_value

from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import (
    BatchSpanProcessor,
    OTLPSpanExporter,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pyspan.sdk.trace.sampling import ALWAYS_OFF, Decision, StaticSampler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspan.sdk.trace import ReadableSpan

LONG = 60_000.0


class Gate(SpanExporter):
    """Exports only while it is open, and notes what it was given."""

    def __init__(self, result: SpanExportResult = SpanExportResult.SUCCESS) -> None:
        self.batches: list[list[str]] = []
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()
        self.result = result
        self.suppressed: list[object] = []
        self.down = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.entered.release()
        self.suppressed.append(get_value(_SUPPRESS_INSTRUMENTATION_KEY))
        assert self.open.wait(10)
        self.batches.append([span.name for span in spans])
        return self.result

    def shutdown(self) -> None:
        self.down = True


def make(exporter: SpanExporter, **settings: Any) -> tuple[BatchSpanProcessor, Any, TracerProvider]:
    processor = BatchSpanProcessor(exporter, **{"schedule_delay_millis": LONG, **settings})
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return processor, provider.get_tracer("x"), provider


def end(tracer: Any, *names: str) -> None:
    for name in names:
        tracer.start_span(name).end()


def test_a_full_batch_is_exported_at_once() -> None:
    gate = Gate()
    gate.open.set()
    processor, tracer, _ = make(gate, max_export_batch_size=2)
    end(tracer, "a", "b", "c")
    assert gate.entered.acquire(timeout=5)
    processor.force_flush()
    assert gate.batches == [["a", "b"], ["c"]]
    processor.shutdown()


def test_a_batch_that_is_not_full_is_exported_after_the_delay() -> None:
    gate = Gate()
    gate.open.set()
    processor, tracer, _ = make(gate, schedule_delay_millis=20)
    end(tracer, "a")
    assert gate.entered.acquire(timeout=5)
    processor.shutdown()
    assert gate.batches == [["a"]]


def test_a_flush_exports_all_there_is_in_batches() -> None:
    gate = Gate()
    gate.open.set()
    processor, tracer, _ = make(gate, max_export_batch_size=3)
    end(tracer, *"abcdefg")
    assert processor.force_flush(5000) is True
    assert [name for batch in gate.batches for name in batch] == list("abcdefg")
    assert max(map(len, gate.batches)) == 3
    processor.shutdown()


def test_a_flush_keeps_its_timeout() -> None:
    gate = Gate()
    processor, tracer, _ = make(gate)
    end(tracer, "a")
    begun = time.monotonic()
    assert processor.force_flush(50) is False
    assert time.monotonic() - begun < 2
    gate.open.set()
    assert processor.force_flush(5000) is True
    processor.shutdown()


def test_a_flush_of_nothing_is_done_at_once() -> None:
    processor, _, _ = make(Gate())
    assert processor.force_flush(1000) is True
    processor.shutdown()


def test_a_full_queue_drops_what_comes_counts_it_and_says_so_at_once_and_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = Gate()
    processor, tracer, _ = make(gate, max_queue_size=2, max_export_batch_size=1)
    end(tracer, "a")
    assert gate.entered.acquire(timeout=5)  # "a" has left the queue
    end(tracer, "b", "c", "d", "e")
    gate.open.set()
    processor.shutdown()
    assert [name for batch in gate.batches for name in batch] == ["a", "b", "c"]
    stats = processor._stats()
    assert (stats["accepted"], stats["exported"], stats["dropped_queue_full"]) == (3, 3, 2)
    assert caplog.text.count("1 spans dropped (queue_full)") == 2


def test_shutdown_exports_the_rest_and_shuts_the_exporter_down() -> None:
    gate = Gate()
    gate.open.set()
    processor, tracer, _ = make(gate)
    end(tracer, "a", "b")
    processor.shutdown()
    processor.shutdown()
    assert gate.batches == [["a", "b"]]
    assert gate.down


def test_what_comes_while_the_last_export_is_under_way_is_exported_too() -> None:
    gate = Gate()
    processor, tracer, _ = make(gate, max_export_batch_size=2)
    end(tracer, "a", "b")
    assert gate.entered.acquire(timeout=5)
    end(tracer, "c")
    ending = threading.Thread(target=processor.shutdown)
    ending.start()
    while not processor._shipment._closed:  # type: ignore[union-attr]
        time.sleep(0.001)
    gate.open.set()
    ending.join()
    assert gate.batches == [["a", "b"], ["c"]]


def test_shutdown_ends_at_its_deadline_and_counts_what_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    processor, tracer, _ = make(gate, max_export_batch_size=1)
    end(tracer, "a", "b", "c")
    begun = time.monotonic()
    processor.shutdown(timeout_millis=50)
    assert time.monotonic() - begun < 2
    assert processor._stats()["dropped_at_shutdown"] == 3
    assert "3 spans dropped" in caplog.text
    gate.open.set()


def test_after_shutdown_spans_are_dropped_and_counted() -> None:
    gate = Gate()
    gate.open.set()
    processor, tracer, _ = make(gate)
    processor.shutdown()
    end(tracer, "late")
    assert processor.force_flush() is False
    assert processor._stats()["dropped_after_shutdown"] == 1
    assert gate.batches == []


def test_exports_run_with_instrumentation_suppressed() -> None:
    gate = Gate()
    gate.open.set()
    processor, tracer, _ = make(gate)
    end(tracer, "a")
    processor.shutdown()
    assert gate.suppressed == [True]


def test_an_exporter_that_raises_or_fails_is_counted_and_called_again(caplog: pytest.LogCaptureFixture) -> None:
    class Raising(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            raise OSError("no route")

    for exporter in (Raising(), Gate(SpanExportResult.FAILURE)):
        getattr(exporter, "open", threading.Event()).set()
        processor, tracer, _ = make(exporter)
        for name in "ab":
            end(tracer, name)
            processor.force_flush()
        assert processor._stats()["failed"] == 2
        processor.shutdown()
    assert caplog.text.count("Exception while exporting") == 2


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, StaticSampler(Decision.RECORD_ONLY)], ids=["dropped", "recorded only"])
def test_only_sampled_spans_are_exported(sampler: Any) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler, shutdown_on_exit=False)
    processor = BatchSpanProcessor(exporter)
    provider.add_span_processor(processor)
    end(provider.get_tracer("x"), "a")
    processor.shutdown()
    assert exporter.get_finished_spans() == ()


def test_many_threads_lose_nothing() -> None:
    exporter = InMemorySpanExporter()
    processor, tracer, _ = make(exporter, max_export_batch_size=64, schedule_delay_millis=1)
    threads = [threading.Thread(target=end, args=(tracer, *map(str, range(500)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    processor.shutdown()
    assert len(exporter.get_finished_spans()) == 4000
    assert processor._stats()["exported"] == 4000


def test_a_subclass_with_its_own_hook_filters() -> None:
    class Filter(BatchSpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            if span.name != "health":
                super().on_end(span)

    exporter = InMemorySpanExporter()
    processor = Filter(exporter)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    end(provider.get_tracer("x"), "a", "health", "b")
    processor.shutdown()
    assert [span.name for span in exporter.get_finished_spans()] == ["a", "b"]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"max_queue_size": 0}, "max_queue_size must be a positive integer"),
        ({"schedule_delay_millis": -1}, "schedule_delay_millis must be positive"),
        ({"max_export_batch_size": 0}, "max_export_batch_size must be a positive integer"),
        ({"max_queue_size": 10, "max_export_batch_size": 11}, "less than or equal to max_queue_size"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        BatchSpanProcessor(InMemorySpanExporter(), **settings)


def test_the_environment_sets_queue_and_batch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "100")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "500")
    monkeypatch.setenv("OTEL_BSP_EXPORT_TIMEOUT", "soon")
    settings = BatchSpanProcessor(InMemorySpanExporter())._shipment._settings  # type: ignore[union-attr]
    assert (settings.queue_spans, settings.batch_spans, settings.delay, settings.export_timeout) == (100, 10, 0.5, 30.0)
    assert "OTEL_BSP_EXPORT_TIMEOUT" in caplog.text


def test_the_exporter_can_be_reached() -> None:
    exporter = InMemorySpanExporter()
    assert BatchSpanProcessor(exporter).span_exporter is exporter


def test_a_span_whose_export_was_given_up_is_counted_once() -> None:
    gate = Gate()
    processor, tracer, _ = make(gate, max_export_batch_size=1)
    end(tracer, "a", "b")
    assert gate.entered.acquire(timeout=5)
    processor.shutdown(timeout_millis=50)
    gate.open.set()
    thread = processor._shipment._thread  # type: ignore[union-attr]
    assert thread is not None
    thread.join(30)
    stats = processor._stats()
    assert (stats["dropped_at_shutdown"], stats["exported"], stats["in_flight"]) == (2, 0, 0)


def test_a_processor_that_nobody_holds_exports_what_is_queued_and_its_thread_ends() -> None:
    gate = Gate()
    processor, tracer, provider = make(gate, max_export_batch_size=1)
    end(tracer, "a", "b", "c")
    thread = processor._shipment._thread  # type: ignore[union-attr]
    assert thread is not None
    assert gate.entered.acquire(timeout=5)
    del processor, tracer, provider
    gate.open.set()
    thread.join(30)
    assert not thread.is_alive()
    assert gate.batches == [["a"], ["b"], ["c"]]
    assert gate.down


@pytest.mark.parametrize(
    "name", ["max_queue_size", "schedule_delay_millis", "max_export_batch_size", "export_timeout_millis"]
)
def test_an_argument_that_is_no_number_is_refused_by_name_and_value(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name}='x' is no number"):
        BatchSpanProcessor(InMemorySpanExporter(), **{name: "x"})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"{name}=nan is not finite"):
        BatchSpanProcessor(InMemorySpanExporter(), **{name: float("nan")})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [BatchSpanProcessor, SimpleSpanProcessor])
@pytest.mark.parametrize("wrong", [None, 5, InMemorySpanExporter])
def test_what_is_no_exporter_is_refused_where_it_is_given(kind: Any, wrong: Any) -> None:
    with pytest.raises(
        TypeError, match=r"span_exporter=.* (has no export\(\)|is a class: .*); a SpanExporter has export"
    ):
        kind(wrong)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"max_queue_size": 2**63}, "max_queue_size=9223372036854775808 is too large; give 2147483647 at most"),
        ({"schedule_delay_millis": 1e300}, r"schedule_delay_millis=1e\+300 is too large"),
        ({"export_timeout_millis": 0}, "export_timeout_millis must be positive"),
        ({"block_timeout": 1e19}, r"block_timeout=1e\+19 is too large"),
        ({"block_timeout": 3_601}, "block_timeout=3601 is no time to wait; give 0 to 3600 s"),
        ({"block_timeout": -1}, "block_timeout=-1 is no time to wait; give 0 to 3600 s"),
    ],
)
def test_numbers_out_of_range_are_refused_with_the_range(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        BatchSpanProcessor(OTLPSpanExporter(), **settings)


def test_a_number_is_looked_at_before_the_exporter_as_the_sdk_does() -> None:
    with pytest.raises(ValueError, match="max_queue_size must be a positive integer"):
        BatchSpanProcessor(None, max_queue_size=0)  # type: ignore[arg-type]  # the SDK's own suite does so


def test_an_exporter_may_shut_down_and_flush_its_own_provider(caplog: pytest.LogCaptureFixture) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    flushed: list[bool] = []

    class Suicidal(InMemorySpanExporter):
        down = threading.Event()

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            flushed.append(provider.force_flush())
            provider.shutdown()
            return super().export(spans)

        def shutdown(self) -> None:
            self.down.set()

    exporter = Suicidal()
    provider.add_span_processor(BatchSpanProcessor(exporter, max_export_batch_size=1))
    end(provider.get_tracer("x"), "last")
    assert exporter.down.wait(20)
    assert flushed == [False]
    assert [span.name for span in exporter.get_finished_spans()] == ["last"]
    assert not caplog.records
