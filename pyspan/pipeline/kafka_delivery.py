"""One batch on its way to Kafka: which of its records are still to be sent, under way, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from pyspan._core import Batch
from pyspan.pipeline.kafka_batches import halves_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from pyspan.pipeline.kafka_batches import Record

__all__ = ["Delivery", "Sent"]


class Sent(NamedTuple):
    """Records handed to the producer as one batch, and the broker's acknowledgement to come."""

    records: Sequence[Record]
    acknowledged: asyncio.Future[object]


class Delivery:
    """Survives from one attempt to the next, so that a retry waits for what is under way and sends only what failed."""

    def __init__(self, batch: Batch, records: list[Record], oversized: list[Batch]) -> None:
        self.batch = batch
        self.todo = records
        self.sent: list[Sent] = []
        self.oversized = oversized

    def settle(self) -> KafkaError | None:
        """Sort what has come back; return an error of those that are to be sent again."""
        back, self.sent = [s for s in self.sent if s.acknowledged.done()], [s for s in self.sent if not s.acknowledged.done()]
        errors = [self._sort(sent) for sent in back]
        return next((error for error in errors if error is not None), None)

    def refused(self) -> Batch | None:
        """Return the spans that no record can carry, as one batch."""
        return Batch.parse(b"".join(span.data for span in self.oversized)) if self.oversized else None

    def _sort(self, sent: Sent) -> KafkaError | None:
        error = sent.acknowledged.exception()
        if error is None:
            return None
        if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError):
            self._cut(sent.records)
            return None
        self.todo += sent.records
        return error if isinstance(error, KafkaError) else KafkaError(repr(error))

    def _cut(self, records: Sequence[Record]) -> None:
        """The broker's limit is below ours: halve every record, and so the batches that they come in."""
        for record in records:
            halves = halves_of(record)
            self.todo += halves
            if not halves:
                self.oversized.append(Batch.parse(record.value))
