"""Exporters for tests: one that remembers, one that fails as told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyspan._core import Batch

__all__ = ["FlakyExporter", "RecordingExporter"]


class RecordingExporter:
    """Keeps every batch it was given, in order."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.closed = False
        self._arrived = anyio.Event()

    async def export(self, batch: Batch) -> None:
        self.batches.append(batch)
        self._arrived.set()
        self._arrived = anyio.Event()

    async def aclose(self) -> None:
        self.closed = True

    @property
    def spans(self) -> int:
        """How many spans have arrived."""
        return sum(len(batch) for batch in self.batches)

    async def wait_for_spans(self, spans: int) -> None:
        """Return once this many spans have arrived."""
        while self.spans < spans:
            await self._arrived.wait()


class FlakyExporter(RecordingExporter):
    """Raises the given errors one after the other, then whatever `refuse` returns for a batch; records what is left."""

    def __init__(
        self, errors: Iterable[Exception] = (), refuse: Callable[[Batch], Exception | None] = lambda _: None
    ) -> None:
        super().__init__()
        self.attempts = 0
        self._errors = iter(errors)
        self._refuse = refuse

    async def export(self, batch: Batch) -> None:
        self.attempts += 1
        error = next(self._errors, None) or self._refuse(batch)
        if error is not None:
            raise error
        await super().export(batch)
