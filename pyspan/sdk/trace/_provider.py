"""`TracerProvider`: sampler, limits, resource and processors of a process, around the native recorder."""

from __future__ import annotations

import logging
import threading
import weakref
from typing import TYPE_CHECKING, Any

from opentelemetry import trace as trace_api

from pyspan import _core
from pyspan.sdk._environment import OTEL_SDK_DISABLED, is_on
from pyspan.sdk.resources import Resource
from pyspan.sdk.resources._aggregate import process_dependent_resource
from pyspan.sdk.trace import _exit, sampling
from pyspan.sdk.trace._config import _default_tracer_configurator, _TracerConfig
from pyspan.sdk.trace._fork import in_forked_child
from pyspan.sdk.trace._limits import SpanLimits, limits_of_environment
from pyspan.sdk.trace._processor import (
    SHUTDOWN_MILLIS,
    SpanProcessor,
    SynchronousMultiSpanProcessor,
    shutdown_within,
)
from pyspan.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from pyspan.sdk.util.instrumentation import InstrumentationScope

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.util.types import Attributes

    from pyspan.sdk.trace._concurrent import ConcurrentMultiSpanProcessor
    from pyspan.sdk.trace._config import _TracerConfiguratorT

__all__ = ["TracerProvider", "living_providers"]

logger = logging.getLogger(__name__)

_living: weakref.WeakSet[TracerProvider] = weakref.WeakSet()


def living_providers() -> list[TracerProvider]:
    """Return the providers of this process, for counting."""
    return list(_living)


class TracerProvider(trace_api.TracerProvider):
    """Gives tracers, and takes their spans to processors.

    With `shutdown_on_exit` it is shut down when the process ends. `meter_provider` is taken for the signature's sake:
    counts are in `pyspan.stats()`.
    """

    def __init__(
        self,
        sampler: sampling.Sampler | None = None,
        resource: Resource | None = None,
        shutdown_on_exit: bool = True,
        active_span_processor: SynchronousMultiSpanProcessor | ConcurrentMultiSpanProcessor | None = None,
        id_generator: IdGenerator | None = None,
        span_limits: SpanLimits | None = None,
        *,
        meter_provider: MeterProvider | None = None,
        _tracer_configurator: _TracerConfiguratorT | None = None,
    ) -> None:
        self.sampler = sampler or sampling._get_from_env_or_default()
        self.id_generator = id_generator or RandomIdGenerator()
        self._resource = Resource.create({}) if resource is None else resource
        self._span_limits = span_limits or limits_of_environment()
        self._disabled = is_on(OTEL_SDK_DISABLED)
        self._meter_provider = meter_provider
        self._tracer_configurator = _tracer_configurator or _default_tracer_configurator
        self._tracers: dict[InstrumentationScope, _core.Tracer] = {}
        self._tracers_lock = threading.Lock()
        self._recorder = self._make_recorder()
        self._active_span_processor = active_span_processor or SynchronousMultiSpanProcessor()
        self._attached: list[SpanProcessor] = []
        self._wire_processors()
        _living.add(self)
        in_forked_child(self, TracerProvider._handle_fork)
        if shutdown_on_exit:
            _exit.flush_at_exit(self)

    @property
    def resource(self) -> Resource:
        return self._resource

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> trace_api.Tracer:
        """Return the tracer of a scope, always the same one; a no-op tracer under OTEL_SDK_DISABLED=true."""
        if self._disabled:
            return trace_api.NoOpTracer()
        if not instrumenting_module_name:
            logger.error("get_tracer called with missing module name.")
        scope = InstrumentationScope(
            instrumenting_module_name or "", instrumenting_library_version or "", schema_url, attributes
        )
        with self._tracers_lock:
            tracer = self._tracers.get(scope)
            if tracer is None:
                tracer = self._tracers[scope] = self._make_tracer(scope)
        return tracer  # type: ignore[return-value]  # registered as one in pyspan.sdk.trace

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Add a processor, at any time; it is called after those before it."""
        self._active_span_processor.add_span_processor(span_processor)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export what has ended so far; False where that took longer than `timeout_millis` or failed."""
        return self._active_span_processor.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = SHUTDOWN_MILLIS) -> None:
        """Export the rest within `timeout_millis` and take no more spans; what is lost by then is counted."""
        _exit.forget(self)
        shutdown_within(self._active_span_processor, timeout_millis)

    def _make_recorder(self) -> _core.Recorder:
        # Random ids are made natively; the SDK's own auto-configuration hands its class of the same name.
        is_random = type(self.id_generator).__name__ == "RandomIdGenerator"
        return _core.Recorder(
            self._resource,
            _core.encode_resource(self._resource.attributes),
            self._resource.schema_url,
            self._span_limits._to_native(),
            self.sampler,
            getattr(self.sampler, "_native", None),
            None if is_random else self.id_generator,
        )

    def _make_tracer(self, scope: InstrumentationScope) -> _core.Tracer:
        encoded = _core.encode_scope(scope.name, scope.version or "", scope.attributes or {})
        tracer = self._recorder.tracer(scope, encoded, scope.schema_url or "")
        tracer.enabled = self._apply_tracer_configurator(scope).is_enabled
        return tracer

    def _wire_processors(self) -> None:
        """Let queues be filled natively, and have Python called only where a processor asks for it.

        That needs a list of processors that we know; any other active processor is called as it is.
        """
        active = self._active_span_processor
        if type(active) is not SynchronousMultiSpanProcessor:
            self._recorder.set_processor(active)
            return
        active._on_change = self._rewire
        self._rewire()

    def _rewire(self) -> None:
        called: list[SpanProcessor] = []
        for processor in self._active_span_processor._span_processors:
            if processor not in self._attached and _attach(processor, self._recorder):
                self._attached.append(processor)
            if processor not in self._attached:
                called.append(processor)
        self._recorder.set_processor(_joined(called))

    def _handle_fork(self) -> None:
        self._tracers_lock = threading.Lock()
        self._update_resource(process_dependent_resource())

    def _update_resource(self, resource: Resource) -> None:
        self._resource = self._resource.merge(resource)
        encoded = _core.encode_resource(self._resource.attributes)
        self._recorder.set_resource(self._resource, encoded, self._resource.schema_url)

    def _set_tracer_configurator(self, *, tracer_configurator: _TracerConfiguratorT) -> None:
        """Decide anew which tracers are enabled, those already made included."""
        self._tracer_configurator = tracer_configurator
        with self._tracers_lock:
            for scope, tracer in self._tracers.items():
                tracer.enabled = self._apply_tracer_configurator(scope).is_enabled

    def _apply_tracer_configurator(self, instrumentation_scope: InstrumentationScope) -> _TracerConfig:
        try:
            return self._tracer_configurator(instrumentation_scope)
        except Exception:  # anybody's code
            logger.exception("Failed to create a Tracer Config for %s, using the default one", instrumentation_scope)
            return _TracerConfig.default()

    def _stats(self) -> dict[str, Any]:
        processors = self._active_span_processor._span_processors
        reports = [stats() for processor in processors if (stats := getattr(processor, "_stats", None)) is not None]
        return {**self._recorder.counts(), "exporters": reports}


def _attach(processor: SpanProcessor, recorder: _core.Recorder) -> bool:
    attach = getattr(type(processor), "_attach", None)  # by the type: mocks have every attribute
    return attach is not None and bool(attach(processor, recorder))


def _joined(processors: list[SpanProcessor]) -> SpanProcessor | None:
    if len(processors) < 2:
        return processors[0] if processors else None
    joined = SynchronousMultiSpanProcessor()
    joined._span_processors = tuple(processors)
    return joined
