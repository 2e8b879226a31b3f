"""Stand-ins for the native classes, so that stages are tested on batches that read as lists of names."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, cast

import anyio

from pyspan.pipeline.source import Received

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyspan._core import Batch, SpanQueue, SpoolReader

__all__ = ["FakeBatch", "FakeQueue", "FakeReader", "FakeSource", "batch", "names"]

SPAN_BYTES = 100


class FakeBatch:
    """Spans are names; each is 100 bytes, or as many as its name says after a colon."""

    def __init__(self, spans: Iterable[str]) -> None:
        self.spans = list(spans)

    def __len__(self) -> int:
        return len(self.spans)

    @property
    def nbytes(self) -> int:
        return sum(int(name.partition(":")[2] or SPAN_BYTES) for name in self.spans)

    def split(self) -> tuple[FakeBatch, FakeBatch] | None:
        half = len(self.spans) // 2
        return (FakeBatch(self.spans[:half]), FakeBatch(self.spans[half:])) if half else None

    def split_to(self, max_bytes: int) -> list[FakeBatch]:
        halves = self.split() if self.nbytes > max_bytes else None
        return [piece for half in halves for piece in half.split_to(max_bytes)] if halves else [self]


def batch(*spans: str) -> Batch:
    return cast("Batch", FakeBatch(spans))


def names(batches: Iterable[Batch]) -> list[list[str]]:
    return [cast("FakeBatch", batch).spans for batch in batches]


class FakeSource:
    """Gives the batches at hand, then ends or waits for ever; remembers what was acknowledged."""

    def __init__(self, batches: Iterable[Batch], *, ends: bool = True) -> None:
        self.acked: list[int] = []
        self.received = 0
        self._batches = iter(batches)
        self._ends = ends

    async def receive(self) -> Received:
        await anyio.lowlevel.checkpoint()
        for taken in self._batches:
            self.received += 1
            return Received(taken, self.received)
        if not self._ends:
            await anyio.sleep_forever()
        raise anyio.EndOfStream

    def ack(self, position: int) -> None:
        self.acked.append(position)


class FakeQueue:
    """The interface of SpanQueue over a list, with a real eventfd."""

    def __init__(self, batch_spans: int = 3) -> None:
        self.waiting: list[str] = []
        self.closed = False
        self.dropped = {"dropped_queue_full": 0, "dropped_too_large": 0}
        self.first_span: Callable[[], None] = lambda: None
        self._batch_spans = batch_spans
        self._lock = threading.Lock()
        self._file = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._started = False

    def native(self) -> SpanQueue:
        return cast("SpanQueue", self)

    def put(self, *spans: str) -> None:
        with self._lock:
            self.waiting += spans
        if len(self.waiting) >= self._batch_spans:
            self.wake()
        if not self._started:
            self._started = True
            self.first_span()

    def on_first_span(self, callback: Callable[[], None]) -> None:
        self.first_span = callback

    def take(self, partial: bool = False) -> FakeBatch | None:
        with self._lock:
            if not self.waiting or (len(self.waiting) < self._batch_spans and not partial):
                return None
            taken, self.waiting = self.waiting[: self._batch_spans], self.waiting[self._batch_spans :]
        return FakeBatch(taken)

    def ready(self) -> bool:
        return len(self.waiting) >= self._batch_spans

    def counts(self) -> dict[str, int]:
        return {"queued_spans": len(self.waiting), **self.dropped}

    def fileno(self) -> int:
        return self._file

    def wake(self) -> None:
        os.eventfd_write(self._file, 1)

    def clear_wakeup(self) -> None:
        os.eventfd_read(self._file)

    def close(self) -> None:
        self.closed = True


class FakeReader:
    """The interface of SpoolReader over a list of spans of 100 bytes."""

    def __init__(self, *spans: str) -> None:
        self.spans = list(spans)
        self.acked = 0
        self.cursor = 0
        self._file = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def native(self) -> SpoolReader:
        return cast("SpoolReader", self)

    def append(self, *spans: str) -> None:
        self.spans += spans
        os.eventfd_write(self._file, 1)

    def read(self, max_spans: int, max_bytes: int) -> tuple[FakeBatch, int] | None:
        count = min(max_spans, max_bytes // SPAN_BYTES, len(self.spans) - self.cursor)
        if count == 0:
            return None
        start, self.cursor = self.cursor, self.cursor + count
        return FakeBatch(self.spans[start : self.cursor]), self.offset

    def rewind(self) -> None:
        self.cursor = self.acked

    def ack(self, offset: int) -> None:
        self.acked = offset // SPAN_BYTES

    @property
    def offset(self) -> int:
        return SPAN_BYTES * self.cursor

    @property
    def acked_offset(self) -> int:
        return SPAN_BYTES * self.acked

    @property
    def lag_spans(self) -> int:
        return len(self.spans) - self.acked

    @property
    def lag_bytes(self) -> int:
        return SPAN_BYTES * self.lag_spans

    def fileno(self) -> int:
        return self._file

    def clear_wakeup(self) -> None:
        os.eventfd_read(self._file)
