"""The published package for aiokafka over pyspan: the context goes into a record's headers and comes out of them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiokafka
import pytest
from opentelemetry.instrumentation.aiokafka import AIOKafkaInstrumentor

from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import SimpleSpanProcessor
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.support.trees import nodes_of, tree

if TYPE_CHECKING:
    from collections.abc import Iterator

SENT: list[dict[str, Any]] = []


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
