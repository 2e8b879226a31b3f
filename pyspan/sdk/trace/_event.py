"""`Event`: a named moment of a span."""

from __future__ import annotations

import abc
import time
from typing import TYPE_CHECKING

from opentelemetry.attributes import BoundedAttributes

if TYPE_CHECKING:
    from opentelemetry.util.types import Attributes

__all__ = ["Event", "EventBase"]


class EventBase(abc.ABC):
    """A name and a time in nanoseconds since the epoch, by default now."""

    def __init__(self, name: str, timestamp: int | None = None) -> None:
        self._name = name
        self._timestamp = time.time_ns() if timestamp is None else timestamp

    @property
    def name(self) -> str:
        return self._name

    @property
    def timestamp(self) -> int:
        return self._timestamp

    @property
    @abc.abstractmethod
    def attributes(self) -> Attributes: ...


class Event(EventBase):
    """An event with attributes; `limit` is there for the signature's sake."""

    def __init__(
        self,
        name: str,
        attributes: Attributes = None,
        timestamp: int | None = None,
        limit: int | None = 128,
    ) -> None:
        super().__init__(name, timestamp)
        self._attributes = attributes

    @property
    def attributes(self) -> Attributes:
        return self._attributes

    @property
    def dropped_attributes(self) -> int:
        return self._attributes.dropped if isinstance(self._attributes, BoundedAttributes) else 0
