"""`TracerProvider`: sampler, limits, resource and processors of a process, around the native recorder."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import trace as trace_api

from pyspan import _core
from pyspan._printable import described
from pyspan.config.names import OTEL_SDK_DISABLED
from pyspan.sdk._environment import is_on, redacts
from pyspan.sdk.resources import Resource
from pyspan.sdk.trace import _exit, sampling
from pyspan.sdk.trace._config import _default_tracer_configurator, _TracerConfig
from pyspan.sdk.trace._deadline import usable_millis
from pyspan.sdk.trace._fork import in_forked_child
from pyspan.sdk.trace._limits import SpanLimits, checked_limits, limits_of_environment
from pyspan.sdk.trace._processor import FLUSH_MILLIS, SHUTDOWN_MILLIS, SpanProcessor, SynchronousMultiSpanProcessor
from pyspan.sdk.trace._sampler_arguments import checked
from pyspan.sdk.trace._tracers import Tracers
from pyspan.sdk.trace._wiring import Wiring
from pyspan.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from pyspan.sdk.util.instrumentation import InstrumentationScope

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.util.types import Attributes

    from pyspan.sdk.trace._concurrent import ConcurrentMultiSpanProcessor
    from pyspan.sdk.trace._config import _TracerConfiguratorT

__all__ = ["TracerProvider"]

logger = logging.getLogger(__name__)


RANDOM_IDS = {(f"{sdk}.trace.id_generator", "RandomIdGenerator") for sdk in ("pyspan.sdk", "opentelemetry.sdk")}


class TracerProvider(trace_api.TracerProvider):
    """Gives tracers, and takes their spans to processors.

    With `shutdown_on_exit` it is shut down when the process ends, also where only its tracers are left. Once these and
    their spans are gone too, its processors export what they have and end their threads.
    `meter_provider`, by default the global one, reads the counts of `pyspan.stats()` as the metrics `otel.sdk.span.*`.
    Sampled spans that are open for `export_open_spans_after` seconds are exported as they are then, as
    `pyspan.configure()` has it.
    A `resource` that is a mapping is one of these attributes, beside those that are detected.
    Secrets are redacted as they are set, unless `redact` is False or, where it is None, PYSPAN_REDACT says false.

    Raises:
        ConfigurationError: `sampler` or `span_limits` is none.
        ValueError: `export_open_spans_after` is no number of seconds above 0.
    """

    def __init__(
        self,
        sampler: sampling.Sampler | None = None,
        resource: Resource | Mapping[str, Any] | None = None,
        shutdown_on_exit: bool = True,
        active_span_processor: SynchronousMultiSpanProcessor | ConcurrentMultiSpanProcessor | None = None,
        id_generator: IdGenerator | None = None,
        span_limits: SpanLimits | None = None,
        *,
        meter_provider: MeterProvider | None = None,
        export_open_spans_after: float | None = None,
        redact: bool | None = None,
        _tracer_configurator: _TracerConfiguratorT | None = None,
    ) -> None:
        resource = _resource(resource)
        self.sampler = checked(sampler) if sampler else sampling._get_from_env_or_default(resource)
        self.id_generator = id_generator or RandomIdGenerator()
        self._span_limits = checked_limits(span_limits) if span_limits else limits_of_environment()
        self._disabled = is_on(OTEL_SDK_DISABLED)
        self._meter_provider = meter_provider
        self._tracer_configurator = _tracer_configurator or _default_tracer_configurator
        self._tracers = Tracers()
        self._recorder = self._make_recorder(resource, redacts() if redact is None else redact)
        self._active_span_processor = active_span_processor or SynchronousMultiSpanProcessor()
        self._wiring = Wiring(self._recorder, resource, self._active_span_processor, self.id_generator, meter_provider)
        if export_open_spans_after is not None:
            self._wiring.know_open_spans(export_open_spans_after)
        in_forked_child(self, TracerProvider._handle_fork)
        if shutdown_on_exit:
            _exit.flush_at_exit(self._wiring, self)

    @property  # type: ignore[misc]  # asked for by isinstance() where the true class does not suffice
    def __class__(self) -> type:
        """The true class; whoever asks for it may be looking for the SDK's, as which it counts from then on."""
        _register_with_sdk()
        return type(self)

    @property
    def resource(self) -> Resource:
        return self._wiring.resource

    _resource = resource  # the name in the SDK, which others read

    @property
    def _atexit_handler(self) -> Callable[..., None] | None:
        """What shuts the provider down at exit, as in the SDK; None where nothing does."""
        return self.shutdown if _exit.is_known(self._wiring) else None

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> trace_api.Tracer:
        """Return the tracer of a scope; a no-op tracer under OTEL_SDK_DISABLED=true.

        It is always the same one while somebody holds it; 1,000 are kept anyway, the oldest making room.
        """
        if self._disabled:
            return trace_api.NoOpTracer()
        name = _text("name", instrumenting_module_name) or ""
        if not name:
            logger.error("get_tracer called with missing module name.")
        version = _text("version", instrumenting_library_version) or ""
        scope = _scope(name, version, _text("schema_url", schema_url), attributes)
        return self._tracers.find(scope, self._make_tracer)  # type: ignore[return-value]  # registered as one in pyspan.sdk.trace

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Add a processor, at any time; it is called after those before it.

        Raises:
            TypeError: it is no processor.
        """
        self._active_span_processor.add_span_processor(span_processor)

    def force_flush(self, timeout_millis: int = FLUSH_MILLIS) -> bool:
        """Export what has ended so far; False where that took longer than `timeout_millis` or failed.

        Less than 0 counts as 0, more than a day as a day; what is no number is logged, and the default is taken.
        """
        return self._active_span_processor.force_flush(int(usable_millis(timeout_millis, FLUSH_MILLIS)))

    def shutdown(self, timeout_millis: float = SHUTDOWN_MILLIS) -> None:
        """Export the rest within `timeout_millis` and take no more spans; what is lost by then is counted.

        A `timeout_millis` that cannot be used is treated as in `force_flush()`.
        """
        self._wiring.shutdown(usable_millis(timeout_millis, SHUTDOWN_MILLIS))
        _exit.forget(self._wiring)

    def _make_recorder(self, resource: Resource, redact: bool) -> _core.Recorder:
        # Random ids are made natively; the SDK's own auto-configuration hands its class of the same name.
        kind = type(self.id_generator)
        is_random = (kind.__module__, kind.__name__) in RANDOM_IDS
        native_sampler = getattr(self.sampler, "_native", None)
        return _core.Recorder(
            resource,
            _core.encode_resource(_resource_attributes(resource)),
            str(resource.schema_url),
            SpanLimits._to_native(self._span_limits),  # so called it also takes those of the SDK
            self.sampler,
            native_sampler if isinstance(native_sampler, _core.NativeSampler) else None,
            None if is_random else self.id_generator,
            redact,
        )

    def _make_tracer(self, scope: InstrumentationScope) -> _core.Tracer:
        encoded = _core.encode_scope(scope.name, scope.version or "", scope.attributes or {})
        tracer = self._recorder.tracer(scope, encoded, scope.schema_url or "")
        tracer.enabled = self._apply_tracer_configurator(scope).is_enabled
        return tracer

    def _handle_fork(self) -> None:
        self._tracers.renew_lock()

    def _update_resource(self, resource: Resource) -> None:
        self._wiring.update_resource(resource)

    def _set_tracer_configurator(self, *, tracer_configurator: _TracerConfiguratorT) -> None:
        """Decide anew which tracers are enabled, those already made included."""
        self._tracer_configurator = tracer_configurator
        for scope, tracer in self._tracers.each():
            tracer.enabled = self._apply_tracer_configurator(scope).is_enabled

    def _apply_tracer_configurator(self, instrumentation_scope: InstrumentationScope) -> _TracerConfig:
        try:
            return self._tracer_configurator(instrumentation_scope)
        except Exception:  # anybody's code
            logger.exception("Failed to create a Tracer Config for %s, using the default one", instrumentation_scope)
            return _TracerConfig.default()

    def _stats(self) -> dict[str, Any]:
        return self._wiring.stats()


def _register_with_sdk() -> None:
    sdk = sys.modules.get("opentelemetry.sdk.trace")
    theirs = getattr(sdk, "TracerProvider", None)  # not there yet while the module is being imported
    if theirs is not None and not issubclass(TracerProvider, theirs):
        theirs.register(TracerProvider)


def _resource(given: Any) -> Resource:
    if given is None or isinstance(given, Mapping):
        return Resource.create(given)
    if hasattr(given, "attributes"):
        return given  # type: ignore[no-any-return]  # ours, the SDK's or a mock
    logger.error("TracerProvider called with resource=%s, which is none; the detected one is used.", described(given))
    return Resource.create()


def _resource_attributes(resource: Resource) -> Mapping[str, Any]:
    attributes: object = resource.attributes
    if isinstance(attributes, Mapping):
        return attributes
    message = "TracerProvider called with resource=%s, whose attributes are no mapping; without them."
    logger.error(message, described(resource))
    return {}


def _text(argument: str, value: object) -> str | None:
    """Return what can be encoded; what is no text is logged, for a library that errs must not stop its user."""
    if value is None:
        return None
    if not isinstance(value, str):
        message = "get_tracer called with %s=%s, which is no text; its str() is used."
        logger.error(message, argument, described(value))
    return _str(value).encode(errors="replace").decode()  # lone surrogates, which UTF-8 cannot hold, become "?"


def _str(value: object) -> str:
    if isinstance(value, str):
        return str.__str__(value)  # as it is: what a subclass answers is anybody's code
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - likewise
        return described(value)


def _scope(name: str, version: str, schema_url: str | None, attributes: Any) -> InstrumentationScope:
    try:
        return InstrumentationScope(name, version, schema_url, _mapping(attributes))
    except Exception as error:  # noqa: BLE001 - anybody's mapping; one that holds itself recurses
        message = "get_tracer called with attributes that cannot be read (%s); they are left out."
        logger.error(message, described(error))  # noqa: TRY400 - the traceback of a recursion takes 1,000 lines
        return InstrumentationScope(name, version, schema_url)


def _mapping(attributes: Any) -> Attributes:
    if attributes is None or isinstance(attributes, Mapping):
        return attributes
    message = "get_tracer called with attributes=%s, which is no mapping; they are left out."
    logger.error(message, described(attributes))
    return None
