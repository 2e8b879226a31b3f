"""The header `x-request-id`."""

from __future__ import annotations

from opentelemetry.context import Context, get_current, set_value
from opentelemetry.propagators.textmap import TextMapPropagator

from pyspan._core import Propagator, context_keys

__all__ = ["RequestIdPropagator", "request_id", "set_request_id"]


class RequestIdPropagator(Propagator, TextMapPropagator):
    """Takes the caller's request id, or makes one of 32 hex digits, and sends it on.

    An id that is longer than 128 characters or not printable is not taken: it is going to be logged.
    """

    def __new__(cls) -> RequestIdPropagator:
        return super().__new__(cls, ["x-request-id"])


def request_id(context: Context | None = None) -> str | None:
    """Return the request's id in `context` (by default the current one)."""
    found = (get_current() if context is None else context).get(context_keys()["request_id"])
    return found if isinstance(found, str) else None


def set_request_id(value: str, context: Context | None = None) -> Context:
    """Return `context` (by default the current one) with `value` as the request's id."""
    return set_value(context_keys()["request_id"], value, context)
