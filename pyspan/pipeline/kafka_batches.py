"""Records packed into aiokafka's batches by partition: the one place that knows its batch builder."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyspan._core import Batch, kafka_partitions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aiokafka import AIOKafkaProducer
    from aiokafka.producer.message_accumulator import BatchBuilder

__all__ = ["RECORD_OVERHEAD", "Packed", "Record", "halves_of", "pack"]

RECORD_OVERHEAD = 256  # key, varints and the header of a record batch, generously


class Record(NamedTuple):
    """The spans of one trace (or a part of them), keyed by its id in hex, with an OTLP request as value."""

    key: bytes
    value: bytes


class Packed(NamedTuple):
    """Records of one partition, and the same as aiokafka's batch."""

    partition: int
    records: list[Record]
    builder: BatchBuilder


def halves_of(record: Record) -> list[Record]:
    """Return the record as two of the same key, nothing where it is a single span."""
    return [Record(record.key, half.data) for half in Batch.parse(record.value).split() or ()]


def pack(producer: AIOKafkaProducer, records: Sequence[Record], partitions: Sequence[int], limit: int) -> list[Packed]:
    """Put records into batches of up to `limit` bytes, or of one record.

    The partition is murmur2 of the key, as Java's and aiokafka's own producers choose it.
    """
    by_partition: dict[int, list[Record]] = {}
    chosen_indexes = kafka_partitions([record.key for record in records], len(partitions))
    for record, index in zip(records, chosen_indexes, strict=True):
        by_partition.setdefault(partitions[index], []).append(record)
    return [
        Packed(partition, group, _build(producer, group))
        for partition, chosen in by_partition.items()
        for group in _groups(chosen, limit)
    ]


def _groups(records: Sequence[Record], limit: int) -> Iterator[list[Record]]:
    group: list[Record] = []
    size = 0
    for record in records:
        record_size = len(record.value) + RECORD_OVERHEAD
        if group and size + record_size > limit:
            yield group
            group, size = [], 0
        group.append(record)
        size += record_size
    yield group


def _build(producer: AIOKafkaProducer, records: Sequence[Record]) -> BatchBuilder:
    builder = producer.create_batch()
    for record in records:
        if builder.append(key=record.key, value=record.value, timestamp=None) is None:
            raise AssertionError("aiokafka's batch is smaller than it was set to")
    builder.close()
    return builder
