"""The receiver's byte limit for one request: given, or learned from what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspan._core import Batch

__all__ = ["ByteLimit"]

# Below this the fault is not the size of our batches.
FLOOR = 16_384


class ByteLimit:
    """Cuts batches so that they fit; None means no limit is known."""

    def __init__(self, max_bytes: int | None = None) -> None:
        self.max_bytes = max_bytes

    def pieces(self, batch: Batch) -> list[Batch]:
        """Return the batch in pieces within the limit; a single span may be larger."""
        if self.max_bytes is None or batch.nbytes <= self.max_bytes:
            return [batch]
        return batch.split_to(self.max_bytes)

    def learn(self, refused: Batch) -> None:
        """Remember that the receiver found this too large: the next batches are cut before they are sent."""
        half = max(refused.nbytes // 2, FLOOR)
        self.max_bytes = half if self.max_bytes is None else min(self.max_bytes, half)
