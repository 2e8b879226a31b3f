"""One batch on its way to Kafka: which of its records are still to be sent, under way, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from pyspan._core import Batch
from pyspan.pipeline.kafka_batches import halves_of, records_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from pyspan.pipeline.kafka_batches import Record

__all__ = ["Delivery", "Sent"]

# No broker is set below this.
LEAST_LIMIT = 1_024
TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


class Sent(NamedTuple):
    """Records handed to the producer as one batch, and the broker's acknowledgement to come."""

    records: Sequence[Record]
    acknowledged: asyncio.Future[object]


class Delivery:
    """Survives from one attempt to the next, so that a retry waits for what is under way and sends only what failed.

    `limit` bounds one of aiokafka's batches in bytes.
    """

    def __init__(self, batch: Batch, limit: int) -> None:
        self.batch = batch
        self.limit = limit
        self.todo, self.oversized = records_of(batch, limit)
        self.sent: list[Sent] = []

    def settle(self) -> KafkaError | None:
        """Sort what has come back; return an error of those that are to be sent again."""
        back = [sent for sent in self.sent if sent.acknowledged.done()]
        self.sent = [sent for sent in self.sent if not sent.acknowledged.done()]
        if any(isinstance(sent.acknowledged.exception(), TOO_LARGE) for sent in back):
            self.limit = max(self.limit // 2, LEAST_LIMIT)
        errors = [self._sort(sent) for sent in back]
        return next((error for error in errors if error is not None), None)

    def refused(self) -> Batch | None:
        """Return the spans that no record can carry, as one batch."""
        return Batch.parse(b"".join(span.data for span in self.oversized)) if self.oversized else None

    def _sort(self, sent: Sent) -> KafkaError | None:
        error = sent.acknowledged.exception()
        if error is None:
            return None
        if isinstance(error, TOO_LARGE):
            self._cut(sent.records)
            return None
        self.todo += sent.records
        return error if isinstance(error, KafkaError) else KafkaError(repr(error))

    def _cut(self, records: Sequence[Record]) -> None:
        """The broker's limit is below ours: pack fewer records together, and halve a record that came alone."""
        if len(records) > 1:
            self.todo += records
            return
        halves = halves_of(records[0])
        self.todo += halves
        if not halves:
            self.oversized.append(Batch.parse(records[0].value))
