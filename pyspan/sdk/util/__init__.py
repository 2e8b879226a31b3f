"""Small types of the SDK that exporters and tests use."""

from __future__ import annotations

import copy
import threading
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, TypeVar, overload

__all__ = ["BoundedDict", "BoundedList", "get_dict_as_key", "ns_to_iso_str"]

K = TypeVar("K")
T = TypeVar("T")
V = TypeVar("V")


def ns_to_iso_str(nanoseconds: int) -> str:
    """Format nanoseconds since the epoch as ISO 8601 in UTC, to the microsecond."""
    from datetime import datetime, timezone

    moment = datetime.fromtimestamp(nanoseconds / 1e9, tz=timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def get_dict_as_key(labels: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Make a key of a mapping, the same for any order; lists in it become tuples."""
    return tuple(sorted((key, tuple(value) if isinstance(value, list) else value) for key, value in labels.items()))


class BoundedDict(MutableMapping[K, V]):
    """A dict that keeps the newest `maxlen` items and counts what it has dropped; deprecated, as the SDK's is.

    Raises:
        ValueError: `maxlen` is negative.
    """

    def __init__(self, maxlen: int | None) -> None:
        if maxlen is not None and maxlen < 0:
            raise ValueError(f"maxlen must be None or a number from 0, not {maxlen}")
        warnings.warn("BoundedDict is deprecated since version 1.4.0.", DeprecationWarning, stacklevel=2)
        self.maxlen = maxlen
        self.dropped = 0
        self._dict: dict[K, V] = {}
        self._lock = threading.Lock()

    @classmethod
    def from_map(cls, maxlen: int | None, mapping: Mapping[K, V]) -> BoundedDict[K, V]:
        """Build one from another mapping."""
        bounded = cls(maxlen)
        bounded.update(mapping)
        return bounded

    def __getitem__(self, key: K) -> V:
        return self._dict[key]

    def __setitem__(self, key: K, value: V) -> None:
        with self._lock:
            self._dict.pop(key, None)
            self._dict[key] = value
            if self.maxlen is not None and len(self._dict) > self.maxlen:
                del self._dict[next(iter(self._dict))]
                self.dropped += 1

    def __delitem__(self, key: K) -> None:
        del self._dict[key]

    def __iter__(self) -> Iterator[K]:
        with self._lock:
            return iter(tuple(self._dict))

    def __len__(self) -> int:
        return len(self._dict)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._dict}, maxlen={self.maxlen})"


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

    def __deepcopy__(self, memo: dict[int, Any]) -> BoundedList[T]:
        copied = type(self).from_seq(self._items.maxlen, copy.deepcopy(tuple(self), memo))
        copied.dropped = self.dropped
        return copied

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self._items)}, maxlen={self._items.maxlen})"
