"""AWS X-Ray: the header `X-Amzn-Trace-Id`."""

from __future__ import annotations

from opentelemetry.propagators.textmap import TextMapPropagator

from pyspan._core import Propagator

__all__ = ["AwsXRayPropagator"]


class AwsXRayPropagator(Propagator, TextMapPropagator):
    """Extracts and injects the span; trace ids are kept as they are, also where their first half is no time."""

    def __new__(cls) -> AwsXRayPropagator:
        return super().__new__(cls, ["xray"])
