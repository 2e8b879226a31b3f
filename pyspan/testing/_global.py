"""A tracer provider in the place of the global one, for a while."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import context as context_api
from opentelemetry import trace as trace_api

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["global_provider", "no_current_span"]


@contextmanager
def global_provider(provider: trace_api.TracerProvider) -> Iterator[None]:
    """Make a provider the global one; afterwards the one before, or none, is back.

    Tracers that a module has asked for while there was no provider keep the first one that they meet. Meanwhile they
    ask each time instead: they record here, and are bound to nothing when this is over.
    """
    before, keeping = trace_api._TRACER_PROVIDER, trace_api.ProxyTracer._tracer
    trace_api._TRACER_PROVIDER = provider
    trace_api.ProxyTracer._tracer = property(_tracer_of_today)  # type: ignore[assignment]
    try:
        yield
    finally:
        trace_api.ProxyTracer._tracer = keeping  # type: ignore[method-assign]
        trace_api._TRACER_PROVIDER = before


@contextmanager
def no_current_span() -> Iterator[None]:
    """Start with an empty context, so that no span that somebody left open becomes a parent."""
    token = context_api.attach(context_api.Context())
    try:
        yield
    finally:
        context_api.detach(token)


def _tracer_of_today(proxy: trace_api.ProxyTracer) -> trace_api.Tracer:
    return trace_api.get_tracer(
        proxy._instrumenting_module_name,
        proxy._instrumenting_library_version,
        schema_url=proxy._schema_url,
        attributes=proxy._attributes,
    )
