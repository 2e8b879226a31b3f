"""The published package for aiokafka over pyspan: the context goes into a record's headers and comes out of them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiokafka
import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.aiokafka import AIOKafkaInstrumentor

from pyspan.propagation import TraceContextTextMapPropagator
from pyspan.propagation.carriers import PairsGetter, PairsSetter, pairs_getter, pairs_setter
from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import SimpleSpanProcessor
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.support.trees import nodes_of, tree

if TYPE_CHECKING:
    from collections.abc import Iterator

SENT: list[dict[str, Any]] = []
OURS = TraceContextTextMapPropagator()


CLIENT = SimpleNamespace(_bootstrap_servers="localhost:9092", _client_id="tests")


class Producer(aiokafka.AIOKafkaProducer):  # type: ignore[misc]  # published without types
    """A producer without a broker."""

    _closed = True
    client = CLIENT

    def __init__(self) -> None:
        """Connect to nothing."""

    def _serialize(self, topic: str, key: object, value: object) -> tuple[object, object]:
        return key, value

    def _partition(self, *args: object) -> int:
        return 0


class Consumer(aiokafka.AIOKafkaConsumer):  # type: ignore[misc]  # likewise
    """A consumer without a broker."""

    _closed = True
    _client = CLIENT
    _group_id = "tests"

    def __init__(self) -> None:
        """Connect to nothing."""


async def fake_send(self: object, topic: str, **record: Any) -> None:
    SENT.append({"topic": topic, **record})


async def fake_getone(self: object, *partitions: object) -> Any:
    return SimpleNamespace(
        topic="orders", partition=0, offset=1, key=b"7", value=b"paid", headers=list(SENT[-1]["headers"] or ())
    )


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    monkeypatch.setattr(aiokafka.AIOKafkaProducer, "send", fake_send)
    monkeypatch.setattr(aiokafka.AIOKafkaConsumer, "getone", fake_getone)
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    AIOKafkaInstrumentor().instrument(tracer_provider=provider)
    yield exporter
    AIOKafkaInstrumentor().uninstrument()


def test_a_record_that_is_received_continues_the_trace_of_the_one_sent(exporter: InMemorySpanExporter) -> None:
    asyncio.run(Producer().send("orders", value=b"paid", key=b"7"))
    asyncio.run(Consumer().getone())
    assert [key for key, _ in SENT[-1]["headers"]] == ["traceparent"]
    assert tree(nodes_of(exporter.get_finished_spans())) == "orders send [PRODUCER]\n  orders receive [CONSUMER]"


@pytest.mark.parametrize("getter", [None, pairs_getter])
def test_what_the_package_sends_is_read_from_the_headers_as_they_are(
    exporter: InMemorySpanExporter, getter: PairsGetter | None
) -> None:
    asyncio.run(Producer().send("orders", value=b"paid", headers=[("schema", b"1"), ("empty", None)]))
    context = OURS.extract(SENT[-1]["headers"], Context(), getter)
    (sent,) = nodes_of(exporter.get_finished_spans())
    assert f"{trace.get_current_span(context).get_span_context().span_id:016x}" == sent.span_id


@pytest.mark.parametrize("setter", [None, pairs_setter])
def test_what_is_written_into_headers_is_continued_by_the_package(
    exporter: InMemorySpanExporter, setter: PairsSetter | None
) -> None:
    context = trace.set_span_in_context(
        trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=False, trace_flags=trace.TraceFlags(1)))
    )
    headers: Any = [("traceparent", b"of the record that is sent on")]
    OURS.inject(headers, context, setter)
    SENT.append({"headers": headers})
    asyncio.run(Consumer().getone())
    (received,) = exporter.get_finished_spans()
    assert received.parent is not None
    assert (received.parent.trace_id, received.parent.span_id) == (1, 2)
