"""Small types of the SDK that exporters and tests use."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar, overload

__all__ = ["BoundedList", "ns_to_iso_str"]

T = TypeVar("T")


def ns_to_iso_str(nanoseconds: int) -> str:
    """Format nanoseconds since the epoch as ISO 8601 in UTC, to the microsecond."""
    from datetime import datetime, timezone

    moment = datetime.fromtimestamp(nanoseconds / 1e9, tz=timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class BoundedList(Sequence[T]):
    """A list to append to that keeps the newest `maxlen` items and counts what it has dropped; None is no bound."""

    def __init__(self, maxlen: int | None) -> None:
        self.dropped = 0
        self._items: deque[T] = deque(maxlen=maxlen)
        self._lock = threading.Lock()

    @classmethod
    def from_seq(cls, maxlen: int | None, seq: Iterable[T]) -> BoundedList[T]:
        """Build one from what `seq` gives."""
        bounded = cls(maxlen)
        bounded.extend(seq)
        return bounded

    def append(self, item: T) -> None:
        """Add an item, dropping the oldest one where there is no room."""
        self.extend((item,))

    def extend(self, seq: Iterable[T]) -> None:
        """Add several items."""
        items = tuple(seq)
        with self._lock:
            if self._items.maxlen is not None:
                self.dropped += max(0, len(items) + len(self._items) - self._items.maxlen)
            self._items.extend(items)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: Any) -> Any:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        with self._lock:
            return iter(tuple(self._items))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self._items)}, maxlen={self._items.maxlen})"
