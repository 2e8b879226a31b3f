"""Sentry: the header `sentry-trace` and what of `baggage` begins with `sentry-`."""

from __future__ import annotations

from opentelemetry.propagators.textmap import TextMapPropagator

from pyspan._core import Propagator

__all__ = ["SentryPropagator"]


class SentryPropagator(Propagator, TextMapPropagator):
    """Extracts and injects the span and Sentry's part of the baggage; beside `W3CBaggagePropagator` all of it."""

    def __new__(cls) -> SentryPropagator:
        return super().__new__(cls, ["sentry"])
