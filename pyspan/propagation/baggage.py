"""W3C Baggage: the header `baggage`."""

from __future__ import annotations

from opentelemetry.propagators.textmap import TextMapPropagator

from pyspan._core import Propagator

__all__ = ["BaggageValue", "W3CBaggagePropagator"]


class BaggageValue(str):
    """The value of a member of the baggage that has properties; else it is a string like any other.

    Properties are opaque: `;`-separated keys and `key=value`, percent-encoded, as in `retain;owner=checkout`.
    """

    __slots__ = ("properties",)

    properties: str

    def __new__(cls, value: object, properties: str) -> BaggageValue:
        self = super().__new__(cls, value)
        self.properties = properties
        return self

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]  # two arguments, as `__new__` takes
        """Return what makes it again, for pickle and copy."""
        return str(self), self.properties


class W3CBaggagePropagator(Propagator, TextMapPropagator):
    """Carries baggage along; what breaks the rules or goes beyond 180 members or 8,192 bytes is left out.

    A plus stays a plus, as the text says, and a blank is sent as `%20`.
    """

    def __new__(cls) -> W3CBaggagePropagator:
        return super().__new__(cls, ["baggage"])
