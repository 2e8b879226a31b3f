"""B3 by one header, `b3`."""

from __future__ import annotations

from opentelemetry.propagators.textmap import TextMapPropagator

from pyspan._core import Propagator

__all__ = ["B3SingleFormat"]


class B3SingleFormat(Propagator, TextMapPropagator):
    """Injects `b3`; extracts it, or else the several headers. The debug flag is kept."""

    def __new__(cls) -> B3SingleFormat:
        return super().__new__(cls, ["b3"])
