"""Where spans come out again: a Kafka topic and a file of JSON lines, read as they grow."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Protocol

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from examples.shop.spans import Row, parse
from pyspan._core import Batch

__all__ = ["Arrivals", "FarEnd", "FileEnd", "KafkaEnd"]

PARTITIONS = 3


class Arrivals:
    """The spans that came out at one end; with `keep`, the rows and ids, else the counts alone."""

    def __init__(self, *, keep: bool) -> None:
        self.spans = 0
        self.ids: Counter[tuple[str, str]] = Counter()
        self.traces: dict[str, list[Row]] = {}
        self._keep = keep

    def add(self, line: bytes | str) -> None:
        """Take in one line of OTLP/JSON."""
        for row in parse(line):
            self.spans += 1
            if self._keep:
                self.ids[row.trace_id, row.span_id] += 1
                if self.ids[row.trace_id, row.span_id] == 1:
                    self.traces.setdefault(row.trace_id, []).append(row)


class FarEnd(Protocol):
    """Something that can be asked again and again for what has arrived since."""

    name: str
    arrived: Arrivals

    async def poll(self) -> None:
        """Read what is new."""


class KafkaEnd:
    """The topic that the agent writes to; a record is the ExportTraceServiceRequest of one trace's spans."""

    def __init__(self, broker: str, topic: str, *, keep: bool) -> None:
        self.name = "Kafka"
        self.arrived = Arrivals(keep=keep)
        self._broker, self._topic = broker, topic
        self._consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker, auto_offset_reset="earliest")

    async def __aenter__(self) -> KafkaEnd:
        await self._create_topic()
        await self._consumer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def _create_topic(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._broker)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(self._topic, PARTITIONS, 1)])  # one that is there stays as it is
        finally:
            await admin.close()

    async def poll(self) -> None:
        """Read what is new."""
        for records in (await self._consumer.getmany(timeout_ms=200)).values():
            for record in records:
                self.arrived.add(Batch.parse(record.value).to_json())


class FileEnd:
    """A file of JSON lines, such as the Collector's file exporter writes."""

    def __init__(self, name: str, path: Path, *, keep: bool) -> None:
        self.name = name
        self.arrived = Arrivals(keep=keep)
        self._path = path
        self._read_bytes = 0

    async def poll(self) -> None:
        """Read the lines that have become complete."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read_bytes)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read_bytes += len(line)
                self.arrived.add(line)
