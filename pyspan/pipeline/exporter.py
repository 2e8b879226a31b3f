"""The role of an exporter: deliver one batch or say why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pyspan._core import Batch

__all__ = ["Exporter", "Stage"]


class Stage(Protocol):
    """Whatever a batch is handed to: an exporter, or a stage around one."""

    async def export(self, batch: Batch) -> None:
        """Return once the receiver has taken the batch; end within a time of its own.

        Raises:
            RetryableError: it failed for now.
            PermanentError: the receiver will never take this batch; TooLargeError and RefusedError say more.
        """
        ...


class Exporter(Stage, Protocol):
    """Delivers batches, several at a time; retrying and splitting are done around it."""

    async def aclose(self) -> None:
        """Give back connections and files."""
        ...
