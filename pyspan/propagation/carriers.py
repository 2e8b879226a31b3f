"""Headers that are a list of pairs of text and bytes, as those of Kafka's clients, ASGI and AMQP.

pyspan's propagators read and write such a list by themselves. The getter and the setter here are for propagators in
Python: `propagate.extract(record.headers, getter=pairs_getter)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.propagators.textmap import Getter, Setter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, MutableSequence

__all__ = ["PairsGetter", "PairsSetter", "pairs_getter", "pairs_setter"]


class PairsGetter(Getter["Iterable[tuple[Any, Any]] | None"]):
    """Gets the values of all headers of a name, in any case; what is no pair of text or bytes is skipped."""

    def get(self, carrier: Iterable[tuple[Any, Any]] | None, key: str) -> list[str] | None:
        """Return the values as text, None where there are none."""
        return [value for name, value in _texts(carrier) if name.lower() == key.lower()] or None

    def keys(self, carrier: Iterable[tuple[Any, Any]] | None) -> list[str]:
        """Return the names."""
        return [name for name, _ in _texts(carrier)]


class PairsSetter(Setter["MutableSequence[tuple[Any, Any]] | None"]):
    """Puts a header behind the others as `(name, bytes)`, in the place of those of its name.

    A record that is sent on has the headers it was received with, and two `traceparent` headers name no parent.
    """

    def set(self, carrier: MutableSequence[tuple[Any, Any]] | None, key: str, value: str) -> None:
        """Set one header; without a list there is nothing to do."""
        if carrier is None:
            return
        for position in reversed(range(len(carrier))):
            name = _text(carrier[position][0])
            if name is not None and name.lower() == key.lower():
                del carrier[position]
        carrier.append((key, value.encode()))


pairs_getter = PairsGetter()
pairs_setter = PairsSetter()


def _texts(carrier: Iterable[Any] | None) -> Iterator[tuple[str, str]]:
    for pair in carrier or ():
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            continue
        texts = _text(pair[0]), _text(pair[1])
        if texts[0] is not None and texts[1] is not None:
            yield texts[0], texts[1]


def _text(value: object) -> str | None:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("latin-1")
    return value if isinstance(value, str) else None
