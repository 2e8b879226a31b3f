"""The Kafka exporter over a producer made up by the tests; a real broker is tried in tests/integration."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from importlib import import_module
from typing import TYPE_CHECKING, Any

import aiokafka
import anyio
import pytest
from aiokafka import errors
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context, trace

from pyspan._core import Batch, kafka_partitions
from pyspan.config import KafkaSecurity, KafkaSettings
from pyspan.errors import ConfigurationError, PermanentError, RefusedError, RetryableError
from pyspan.pipeline.kafka import KafkaExporter
from tests.support.otlp_messages import make_request
from tests.support.ports import free_port
from tests.unit.pipeline.tracing import make_queue, make_tracer

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = pytest.mark.anyio


class FakeProducer:
    """Takes batches as aiokafka does; `verdicts` say what becomes of each one, None for an acknowledgement."""

    def __init__(self, verdicts: Iterable[Exception | None] = (), max_bytes: int = 1 << 30) -> None:
        self.delivered: list[tuple[int, bytes, bytes]] = []
        self.sent = 0
        self.stopped = False
        self.hold: asyncio.Event | None = None
        self.start_error: Exception | None = None
        self.topic_error: Exception | None = None
        self._verdicts = iter(verdicts)
        self._max_bytes = max_bytes

    async def start(self) -> None:
        if self.start_error is not None:
            raise self.start_error

    async def stop(self) -> None:
        self.stopped = True

    async def partitions_for(self, topic: str) -> set[int]:
        if self.topic_error is not None:
            raise self.topic_error
        return {2, 0, 1}

    def create_batch(self) -> Builder:
        return Builder(1 << 30, 0)

    async def send_batch(self, builder: Builder, topic: str, *, partition: int) -> asyncio.Future[None]:
        self.sent += 1
        return asyncio.ensure_future(self._deliver(builder, partition))

    async def _deliver(self, builder: Builder, partition: int) -> None:
        if self.hold is not None:
            await self.hold.wait()
        error = next(self._verdicts, None)
        if error is None and builder.size() > self._max_bytes:
            error = errors.MessageSizeTooLargeError()
        if error is not None:
            raise error
        self.delivered += [(partition, key, value) for key, value in builder.records]

    def span_ids(self) -> Counter[tuple[str, str]]:
        return Counter(pair for _, _, value in self.delivered for pair in Batch.parse(value).span_ids())


class Builder(BatchBuilder):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's builder, which also remembers what was put in."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.records: list[tuple[bytes, bytes]] = []

    def append(self, *, timestamp: None, key: bytes, value: bytes) -> object:
        self.records.append((key, value))
        return super().append(timestamp=timestamp, key=key, value=value)


def exporter_over(
    monkeypatch: pytest.MonkeyPatch, *producers: FakeProducer, timeout: float = 10.0, max_record_bytes: int = 1_000_000
) -> KafkaExporter:
    made = iter(producers)
    monkeypatch.setattr("pyspan.pipeline.kafka._producer", lambda *_: next(made))
    settings = KafkaSettings(("k:9092",), "spans", delivery_timeout=timeout, max_record_bytes=max_record_bytes)
    return KafkaExporter(settings)


def traces(count: int, spans: int = 3, size: int = 10) -> Batch:
    """Make a batch of `count` traces, each of so many spans with an attribute of `size` characters."""
    queue = make_queue(batch_spans=count * spans)
    tracer: trace.Tracer = make_tracer(queue)  # type: ignore[assignment]  # registered by the native type
    for _ in range(count):
        root = tracer.start_span("root", context.Context(), attributes={"filler": "x" * size})
        for _ in range(spans - 1):
            tracer.start_span("child", trace.set_span_in_context(root), attributes={"filler": "x" * size}).end()
        root.end()
    batch = queue.take()
    assert batch is not None
    return batch


async def test_each_trace_is_one_record_keyed_by_its_id_in_the_partition_of_murmur2(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exporter, batch = exporter_over(monkeypatch, producer := FakeProducer()), traces(50)
    await exporter.export(batch)
    assert producer.span_ids() == Counter(batch.span_ids())
    assert len(producer.delivered) == 50
    for partition, key, value in producer.delivered:
        assert {trace_id.encode() for trace_id, _ in Batch.parse(value).span_ids()} == {key}
        assert partition == DefaultPartitioner()(key, [0, 1, 2], [0, 1, 2])


@given(st.lists(st.binary(max_size=70)), st.integers(1, 1000))
def test_partitions_are_those_that_aiokafka_chooses(keys: list[bytes], partitions: int) -> None:
    everything = list(range(partitions))
    assert kafka_partitions(keys, partitions) == [DefaultPartitioner()(key, everything, everything) for key in keys]


async def test_a_trace_above_the_record_limit_becomes_several_records_of_its_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exporter = exporter_over(monkeypatch, producer := FakeProducer(), max_record_bytes=5_000)
    batch = traces(1, spans=100, size=200)
    await exporter.export(batch)
    assert producer.span_ids() == Counter(batch.span_ids())
    assert len({key for _, key, _ in producer.delivered}) == 1
    assert max(len(value) for _, _, value in producer.delivered) <= 5_000


async def test_a_span_above_the_record_limit_is_refused_alone_after_the_rest_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exporter = exporter_over(monkeypatch, producer := FakeProducer(), max_record_bytes=5_000)
    batch = traces(1, spans=2, size=10_000)
    small = traces(3)
    both = Batch.parse(batch.data + small.data)
    with pytest.raises(PermanentError, match="2 spans are each above the Kafka record limit") as refused:
        await exporter.export(both)
    assert refused.value.batch is not None
    assert Counter(refused.value.batch.span_ids()) == Counter(batch.span_ids())
    assert producer.span_ids() == Counter(small.span_ids())


async def test_a_broker_with_a_lower_limit_gets_smaller_batches_and_records(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = exporter_over(monkeypatch, producer := FakeProducer(max_bytes=2_000))
    batch = traces(20, spans=10, size=100)
    await exporter.export(batch)
    assert producer.span_ids() == Counter(batch.span_ids())


async def test_many_refusals_at_once_halve_the_limit_once(monkeypatch: pytest.MonkeyPatch) -> None:
    too_large = [errors.MessageSizeTooLargeError() for _ in range(3)]
    exporter = exporter_over(monkeypatch, producer := FakeProducer(verdicts=too_large), max_record_bytes=8_000)
    batch = traces(20, spans=10, size=100)
    await exporter.export(batch)
    assert producer.span_ids() == Counter(batch.span_ids())
    assert exporter._limit == 4_000


async def test_a_retry_sends_only_what_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = FakeProducer([None, errors.NotEnoughReplicasError(), None])
    exporter, batch = exporter_over(monkeypatch, producer), traces(50)
    with pytest.raises(RetryableError, match="NotEnoughReplicas"):
        await exporter.export(batch)
    await exporter.export(batch)
    assert producer.span_ids() == Counter(batch.span_ids())
    assert producer.sent == 4


async def test_a_retry_after_a_timeout_waits_for_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, batch = exporter_over(monkeypatch, producer := FakeProducer(), timeout=0.02), traces(5)
    producer.hold = asyncio.Event()
    with pytest.raises(RetryableError, match=r"Kafka topic spans at k:9092 did not acknowledge within 0.02 s"):
        await exporter.export(batch)
    sent = producer.sent
    producer.hold.set()
    await exporter.export(batch)
    assert (producer.sent, producer.span_ids()) == (sent, Counter(batch.span_ids()))


async def test_a_broker_that_is_away_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    away, back = FakeProducer(), FakeProducer()
    away.start_error = errors.KafkaConnectionError("Unable to bootstrap")
    exporter, batch = exporter_over(monkeypatch, away, back), traces(1)
    with pytest.raises(RetryableError, match="Unable to bootstrap"):
        await exporter.export(batch)
    assert away.stopped
    await exporter.export(batch)
    assert back.span_ids() == Counter(batch.span_ids())


async def test_a_fenced_producer_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    fenced, fresh = FakeProducer([errors.OutOfOrderSequenceNumber()] * 3), FakeProducer()
    exporter, batch = exporter_over(monkeypatch, fenced, fresh), traces(20)
    with pytest.raises(RetryableError):
        await exporter.export(batch)
    await exporter.export(batch)
    assert fenced.stopped
    assert fresh.span_ids() == Counter(batch.span_ids())


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errors.UnknownTopicOrPartitionError(), r"Kafka topic spans at k:9092 has no such topic \(create it\)"),
        (errors.TopicAuthorizationFailedError("spans"), r"refused us: .*check PYSPAN_KAFKA_\* and the ACLs"),
    ],
)
async def test_a_missing_topic_and_missing_rights_refuse_every_batch(
    monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    exporter = exporter_over(monkeypatch, producer := FakeProducer())
    producer.topic_error = error
    with pytest.raises(RefusedError, match=message):
        await exporter.export(traces(1))


async def test_a_cancelled_export_is_not_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, batch = exporter_over(monkeypatch, producer := FakeProducer()), traces(1)
    producer.hold = asyncio.Event()
    task = asyncio.ensure_future(exporter.export(batch))
    await anyio.wait_all_tasks_blocked()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    producer.hold.set()
    await exporter.export(batch)
    assert producer.sent == 2


class Told(aiokafka.AIOKafkaProducer):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's producer, which also remembers what it was told."""

    def __init__(self, **settings: object) -> None:
        self.settings = settings
        super().__init__(**settings)


async def test_the_producer_waits_for_all_replicas_never_repeats_a_record_and_compresses_by_zstd(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Told] = []

    def make(**settings: object) -> Told:
        made.append(Told(**settings))
        return made[-1]

    monkeypatch.setattr("pyspan.pipeline.kafka.AIOKafkaProducer", make)
    exporter = KafkaExporter(KafkaSettings((f"127.0.0.1:{free_port()}",), "spans", delivery_timeout=0.5))
    with pytest.raises(RetryableError):
        await exporter.export(traces(1))
    told = {key: made[0].settings[key] for key in ("acks", "enable_idempotence", "compression_type")}
    assert told == {"acks": "all", "enable_idempotence": True, "compression_type": "zstd"}


async def test_closing_stops_the_producer(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = exporter_over(monkeypatch, producer := FakeProducer())
    await exporter.aclose()
    await exporter.export(traces(1))
    await exporter.aclose()
    assert producer.stopped


def test_a_missing_certificate_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match=r"ssl_cafile='/nothere\.pem'"):
        KafkaExporter(KafkaSettings(security=KafkaSecurity("SSL", ssl_cafile="/nothere.pem")))


def test_without_aiokafka_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiokafka", None)
    monkeypatch.delitem(sys.modules, "pyspan.pipeline.kafka")
    with pytest.raises(ConfigurationError, match=r"pip install 'pyspan-tracing\[kafka\]'"):
        import_module("pyspan.pipeline.kafka")


class Forgetful(FakeProducer):
    """Acknowledges and keeps only the ids; remembers how many bytes of records were on their way at most."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.ids: list[tuple[str, str]] = []
        self.most = self._bytes = 0

    def create_batch(self) -> BatchBuilder:
        return BuilderOfIds(1 << 30, 0, self.ids)

    async def send_batch(self, builder: BuilderOfIds, topic: str, *, partition: int) -> asyncio.Future[None]:
        self._bytes += builder.size()
        self.most = max(self.most, self._bytes)
        return asyncio.ensure_future(self._deliver_soon(builder.size()))

    async def _deliver_soon(self, size: int) -> None:
        await asyncio.sleep(0)
        self._bytes -= size
        if size > self._max_bytes:
            raise errors.MessageSizeTooLargeError


class BuilderOfIds(BatchBuilder):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's builder, which also notes the ids of what was put in."""

    def __init__(self, max_bytes: int, compression: int, ids: list[tuple[str, str]]) -> None:
        super().__init__(max_bytes, compression)
        self._ids = ids

    def append(self, *, timestamp: None, key: bytes, value: bytes) -> object:
        self._ids += Batch.parse(value).span_ids()
        return super().append(timestamp=timestamp, key=key, value=value)


async def test_a_large_resource_of_many_traces_takes_the_memory_of_a_few_records(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pyspan.pipeline.kafka_delivery.BUDGET", 1 << 20)
    exporter, batch = exporter_over(monkeypatch, producer := Forgetful()), Batch.parse(heavy(8 * 400, 200_000))
    await exporter.export(batch)
    assert Counter(producer.ids) == Counter(batch.span_ids())
    assert producer.most < 2 << 20, "400 traces of 200 kB each are 80 MB"


async def test_traces_whose_resource_alone_is_above_the_limit_are_refused_as_one_batch_with_one_resource(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exporter = exporter_over(monkeypatch, producer := FakeProducer(), max_record_bytes=100_000)
    large, small = heavy(1000, 150_000), traces(3)
    with pytest.raises(PermanentError, match="1000 spans are each above") as refused:
        await exporter.export(Batch.parse(large + small.data))
    assert refused.value.batch is not None
    assert Counter(refused.value.batch.span_ids()) == Counter(Batch.parse(large).span_ids())
    assert refused.value.batch.nbytes < 2 * len(large)
    assert producer.span_ids() == Counter(small.span_ids())


async def test_a_resource_above_the_brokers_own_limit_is_found_out_piece_by_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pyspan.pipeline.kafka_delivery.BUDGET", 1 << 20)
    exporter, batch = (
        exporter_over(monkeypatch, producer := Forgetful(max_bytes=100_000)),
        Batch.parse(heavy(24, 150_000)),
    )
    with pytest.raises(PermanentError, match="24 spans") as refused:
        await exporter.export(batch)
    assert refused.value.batch is not None
    assert Counter(refused.value.batch.span_ids()) == Counter(batch.span_ids())
    assert producer.most < 2 << 20


def heavy(spans: int, resource_bytes: int) -> bytes:
    """Encode a request whose resource is as large as that; eight spans are a trace."""
    return make_request(spans, service="x" * resource_bytes)[0]
