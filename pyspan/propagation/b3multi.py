"""B3 by several headers, `x-b3-traceid` and its like."""

from __future__ import annotations

from opentelemetry.propagators.textmap import TextMapPropagator

from pyspan._core import Propagator

__all__ = ["B3MultiFormat"]


class B3MultiFormat(Propagator, TextMapPropagator):
    """Injects the several headers; extracts `b3`, or else the several ones. The debug flag is kept."""

    def __new__(cls) -> B3MultiFormat:
        return super().__new__(cls, ["b3multi"])
