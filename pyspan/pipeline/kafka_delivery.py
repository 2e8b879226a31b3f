"""One batch on its way to Kafka: which of its records are still to be sent, under way, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from pyspan._core import Batch
from pyspan.pipeline.kafka_batches import RECORD_OVERHEAD, Record, halves_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

__all__ = ["Delivery", "Sent"]

# No broker is set below this.
LEAST_LIMIT = 1_024
# Bytes of records at a time: each holds a copy of its resource, so that all of them may be a thousand times the batch.
BUDGET = 8 << 20
TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


class Sent(NamedTuple):
    """Records handed to the producer as one batch, and the broker's acknowledgement to come."""

    records: Sequence[Record]
    acknowledged: asyncio.Future[object]


class Delivery:
    """Survives from one attempt to the next, so that a retry waits for what is under way and sends only what failed.

    Records are built as they are sent, a few megabytes at a time. `limit` bounds one of aiokafka's batches in bytes.
    """

    def __init__(self, batch: Batch, limit: int) -> None:
        self.batch = batch
        self.limit = limit
        self._record_bytes = limit - RECORD_OVERHEAD
        self.todo: list[Record] = []
        self.sent: list[Sent] = []
        self._built = 0
        self._too_large: set[int] = set()
        self._refused_ids: set[tuple[str, str]] = set()

    def advance(self) -> bool:
        """Build the next records once none is left; return whether the delivery has not come to its end."""
        if self.todo or self.sent:
            return True
        if self._built == len(self.batch):
            return False
        records, too_large, self._built = self.batch.records(self._built, self._record_bytes, BUDGET)
        self.todo = [Record(key, value) for key, value in records]
        self._too_large.update(too_large)
        return True

    def take(self) -> list[Record]:
        """Take the next records to send, one at least."""
        size = count = 0
        while count < len(self.todo) and size < BUDGET:
            size += len(self.todo[count].value)
            count += 1
        taken, self.todo = self.todo[:count], self.todo[count:]
        return taken

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
        places = set(self._too_large)
        if self._refused_ids:
            places.update(at for at, ids in enumerate(self.batch.span_ids()) if ids in self._refused_ids)
        return self.batch.pick(list(places)) if places else None

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
        pieces = list(records) if len(records) > 1 else halves_of(records[0])
        self.todo = pieces + self.todo  # first of all: halves of halves would pile up
        if not pieces:
            self._refused_ids.update(Batch.parse(records[0].value).span_ids())
