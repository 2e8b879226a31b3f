"""The role of an exporter: deliver one batch or say why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pyspan._core import Batch

__all__ = ["Exporter"]


class Exporter(Protocol):
    """Delivers batches, several at a time; retrying and splitting are done around it."""

    async def export(self, batch: Batch) -> None:
        """Return once the receiver has taken the batch; end within a time of its own.

        Raises:
            RetryableError: it failed for now.
            PermanentError: the receiver will never take this batch; TooLargeError and RefusedError say more.
        """
        ...

    async def aclose(self) -> None:
        """Give back connections and files."""
        ...
