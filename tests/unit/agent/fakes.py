"""A spool, its readers and receivers in memory, with the surface of the native ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pyspan._core import Batch
from pyspan.agent.watch import DAMAGE

if TYPE_CHECKING:
    from pyspan.errors import PermanentError


class FakeSpool:
    """Records in a list; offsets are their numbers."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.sizes: list[int] = []
        self.readers: list[FakeReader] = []
        self.accepted = 0
        self.bytes = 0
        self.full = self.gone = False

    def append(self, body: bytes) -> None:
        self.records.append(body)
        self.sizes.append(len(Batch.parse(body)))
        self.accepted += self.sizes[-1]
        for reader in self.readers:
            reader.signal()

    def reader(self, name: str) -> FakeReader:
        self.readers.append(FakeReader(self, name))
        return self.readers[-1]

    def stats(self) -> dict[str, int]:
        damage = dict.fromkeys(DAMAGE, 0)
        state = {"bytes": self.bytes, "segments": 1, "full": self.full, "gone": self.gone}
        return {"accepted_spans": self.accepted, **state, **damage}


class FakeReader:
    """A reader whose lag counts from what it has acknowledged."""

    def __init__(self, spool: FakeSpool, name: str) -> None:
        self.name = name
        self.acked_offset = self._cursor = 0
        self._spool = spool
        self._event = os.eventfd(0, os.EFD_NONBLOCK)

    @property
    def offset(self) -> int:
        return self._cursor

    def signal(self) -> None:
        os.eventfd_write(self._event, 1)

    def fileno(self) -> int:
        return self._event

    def clear_wakeup(self) -> None:
        os.eventfd_read(self._event)

    def rewind(self) -> None:
        self._cursor = self.acked_offset

    def ack(self, offset: int) -> None:
        self.acked_offset = offset

    def read(self, max_spans: int, max_bytes: int) -> tuple[Batch, int] | None:
        if self._cursor == len(self._spool.records):
            return None
        self._cursor += 1
        return Batch.parse(self._spool.records[self._cursor - 1]), self._cursor

    @property
    def lag_spans(self) -> int:
        return sum(self._spool.sizes[self.acked_offset :])

    @property
    def lag_bytes(self) -> int:
        return sum(map(len, self._spool.records[self.acked_offset :]))


class FakeReceivers:
    """Receivers with fixed counts."""

    def stats(self) -> dict[str, int]:
        return {"otlp_http.requests": 7, "otlp_http.accepted_spans": 40, "otlp_http.refused.malformed": 2}


class FakeDeadLetters:
    """Remembers refusals, or fails to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.spans = 0

    def write(self, batch: Batch, error: PermanentError) -> bool:
        if self.error is not None:
            raised, self.error = self.error, None
            raise raised
        self.spans += len(batch)
        return True
