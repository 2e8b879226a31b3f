"""Datadog: the headers `x-datadog-*`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.context import get_current
from opentelemetry.propagators.textmap import TextMapPropagator

from pyspan._core import Propagator, context_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

__all__ = ["DatadogPropagator", "browser_attributes"]


class DatadogPropagator(Propagator, TextMapPropagator):
    """Extracts and injects the span with all 128 bits of its trace id, sampling priority, origin and tags.

    What is no identity travels in the trace state, as with Datadog's own tracers: `dd=s:2;o:rum;t.dm:-4`. Origin and
    priority of a request without a trace, as a browser sends it, are kept in the context and sent on.
    """

    def __new__(cls) -> DatadogPropagator:
        return super().__new__(cls, ["datadog"])


def browser_attributes(context: Context | None = None) -> Mapping[str, str]:
    """Return the browser's ids in `context` (by default the current one) as attributes for the server's span.

    `session.id` from `x-datadog-session-id`, `rum.application.id` from `x-datadog-application-id`.
    """
    found: Any = (get_current() if context is None else context).get(context_keys()["datadog_attributes"])
    return dict(found) if found else {}
