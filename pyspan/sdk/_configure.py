"""`pyspan.configure()`: from settings and environment to a running provider."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from opentelemetry import trace as trace_api

from pyspan.config import uwsgi
from pyspan.config.examine import examine
from pyspan.config.log_level import set_log_level
from pyspan.context import carried
from pyspan.errors import ConfigurationError
from pyspan.sdk import _planning
from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace._deadline import usable_seconds

if TYPE_CHECKING:
    from pyspan.sdk._plan import Plan
    from pyspan.sdk._settings import Settings

__all__ = ["configure", "force_flush", "shutdown"]

logger = logging.getLogger("pyspan.config")

DEFAULT_FLUSH = 30.0


class _State:
    """The one global: the provider that `configure` has set."""

    provider: TracerProvider | None = None


def configure(settings: Settings) -> TracerProvider:
    """Build the provider and make it the global one.

    A second call is refused while the first provider works: tracers that hold it would go on with it, so that part of
    the spans would go elsewhere. After `shutdown()` it is welcome.
    """
    _refuse_second()
    plan = _planning.plan(settings)
    set_log_level(plan.log_level)
    for finding in (*examine(os.environ), *uwsgi.findings()):
        logger.warning("%s", finding)
    provider = TracerProvider(
        sampler=plan.sampler,
        resource=plan.resource,
        id_generator=plan.id_generator,
        span_limits=plan.span_limits,
        export_open_spans_after=plan.export_open_spans_after,
        redact=plan.redact,
        _tracer_configurator=plan.tracer_configurator,
    )
    if plan.disabled is not None:
        provider._disabled = plan.disabled
    provider._wiring.renew_resource = plan.renew_resource
    for processor in (*settings.processors, *(make() for make in plan.processors)):
        provider.add_span_processor(processor)
    _carry(provider, plan)
    _set_global(provider)
    plan.propagate()
    return provider


def force_flush(timeout: float) -> bool:
    """Flush the configured provider."""
    seconds = usable_seconds(timeout, DEFAULT_FLUSH)
    return _State.provider is None or _State.provider.force_flush(int(seconds * 1000))


def shutdown() -> None:
    """Shut the configured provider down and forget it."""
    if _State.provider is not None:
        _State.provider.shutdown()
        _State.provider = None
        carried.leave()


def _refuse_second() -> None:
    if _State.provider is not None:
        raise ConfigurationError("tracing is configured already; call pyspan.shutdown() before you configure it anew")
    known = trace_api._TRACER_PROVIDER
    if known is not None and not isinstance(known, TracerProvider):
        name = f"{type(known).__module__}.{type(known).__qualname__}"
        raise ConfigurationError(f"the global tracer provider is a {name} already; set only one, or leave it to pyspan")


def _carry(provider: TracerProvider, plan: Plan) -> None:
    if plan.baggage_attributes:
        provider._recorder.copy_baggage(list(plan.baggage_attributes))
    if plan.propagate_threads:
        carried.carry()


def _set_global(provider: TracerProvider) -> None:
    """Set the provider, also in the place of one that was shut down, for which the API has no way."""
    if trace_api._TRACER_PROVIDER is None:
        trace_api.set_tracer_provider(provider)
    else:
        trace_api._TRACER_PROVIDER = provider
    _State.provider = provider
