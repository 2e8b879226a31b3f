"""The trace in the messages of a WebSocket: the context travels in their envelope, a span for each that is handled."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import baggage, context, propagate, trace
from opentelemetry.trace import INVALID_SPAN, Link, SpanKind

from pyspan.errors import ConfigurationError
from pyspan.instrument._settings import tracer_of

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, TracerProvider
    from opentelemetry.util.types import AttributeValue

__all__ = ["KEY", "outgoing", "received"]

# Reserved in the envelope: the propagator's headers as an object, such as {"traceparent": "00-..."}.
KEY = "_trace"

logger = logging.getLogger(__name__)
_tracer_by = tracer_of(__name__)


def outgoing(message: Mapping[str, Any], *, with_baggage: bool = False) -> dict[str, Any]:
    """Return a copy of the message with the current context under `_trace`, by the global propagator.

    The baggage stays here unless you ask for it: the other side may be anybody's browser.
    """
    current = context.get_current()
    headers: dict[str, str] = {}
    try:
        propagate.inject(headers, current if with_baggage else baggage.clear(current))
    except Exception:  # anybody's propagator
        logger.exception("a message goes out without the context")
    return {**message, KEY: headers} if headers else {**message}


@contextmanager
def received(
    message: object,
    name: str = "handle_message",
    *,
    attributes: Mapping[str, AttributeValue] | None = None,
    inbound_context: str = "trust",
    tracer_provider: TracerProvider | None = None,
) -> Iterator[Span]:
    """Trace what is done with a message of a connection whose span is the current one.

    The message's span links to the connection's, which may be open for days. Its parent is the span that the sender
    has put under `_trace`; without one it begins a trace. With `inbound_context="link"`, for the edge to the public, it
    always begins one, links to the sender's span as well and takes no baggage.

    Raises:
        ConfigurationError: `inbound_context` is neither `trust` nor `link`.
    """
    if inbound_context not in {"trust", "link"}:
        raise ConfigurationError(f"inbound_context={inbound_context!r} cannot be used: give trust or link")
    current = context.get_current()
    links = _links(current)
    within = _extracted(message, trace.set_span_in_context(INVALID_SPAN, current))
    if inbound_context == "link":
        links += _links(within)
        within = trace.set_span_in_context(INVALID_SPAN, current)
    tracer = _tracer_by(tracer_provider or trace.get_tracer_provider())
    token = context.attach(within)
    try:
        with tracer.start_as_current_span(name, within, SpanKind.CONSUMER, attributes=attributes, links=links) as span:
            yield span
    finally:
        context.detach(token)


def _extracted(message: object, base: Context) -> Context:
    """Return `base` with what the message says; what is malformed there is taken for absent."""
    headers = message.get(KEY) if isinstance(message, Mapping) else None
    if not isinstance(headers, Mapping):
        return base
    try:
        return propagate.extract(dict(headers), base)
    except Exception:  # anybody's propagator
        logger.exception("the context of a message could not be read")
        return base


def _links(of: Context) -> list[Link]:
    caller = trace.get_current_span(of).get_span_context()
    return [Link(caller)] if caller.is_valid else []
