"""Python tracing with a Rust hot path.

`configure()` is all that an application needs; what it needs itself is imported then, so that `import pyspan` is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyspan.sdk.resources import Resource
    from pyspan.sdk.trace import IdGenerator, SpanLimits, SpanProcessor, TracerProvider
    from pyspan.sdk.trace.export import SpanExporter
    from pyspan.sdk.trace.sampling import Sampler

__all__ = [
    "configure",
    "flush_on_return",
    "force_flush",
    "shutdown",
    "stats",
    "trace_context",
    "with_trace_context",
]

Result = TypeVar("Result")


def configure(
    service_name: str | None = None,
    *,
    exporter: SpanExporter | str | Sequence[SpanExporter | str] | None = None,
    endpoint: str | None = None,
    sampler: Sampler | float | str | None = None,
    resource: Resource | Mapping[str, Any] | None = None,
    processors: Sequence[SpanProcessor] = (),
    id_generator: IdGenerator | None = None,
    span_limits: SpanLimits | None = None,
    propagate_threads: bool | None = None,
    baggage_attributes: Sequence[str] | None = None,
    export_open_spans_after: float | None = None,
    redact: bool | None = None,
) -> TracerProvider:
    """Trace from now on: set OpenTelemetry's global tracer provider and propagators, and return the provider.

    What is not given comes from the file of OTEL_CONFIG_FILE, or else from the environment as OpenTelemetry's
    specification has it: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_*,
    OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_PROPAGATORS; then from DD_*, SENTRY_* and TRACE_*.

    `exporter` takes exporters or their names: otlp (the default), otlp=URL, otlp-grpc=HOST:PORT, kafka,
    kafka=HOST:PORT/TOPIC, file=PATH, console, none, or any that a package registers under
    `opentelemetry_traces_exporter`; a string may hold several, joined by commas. `endpoint` is where the OTLP exporter
    sends. A number as `sampler` is the share of traces to keep, a text a name as for OTEL_TRACES_SAMPLER. `processors`
    are called beside the exporters. Spans that are open for `export_open_spans_after` seconds are exported as they are
    then, with `pyspan.span.open` as an attribute, again each time that has doubled, and when tracing ends.
    `redact=False`, or PYSPAN_REDACT=false, leaves secrets in the spans: by default `[REDACTED]` takes their place as
    they are set.

    With `propagate_threads` threads, timers, processes and the tasks of executors and pools carry on the context that
    is current where they are started or submitted, until `shutdown()`. `baggage_attributes` names the members of the
    baggage that each span takes as attributes when it starts: `tenant.id`, `app.*`, or `*` for all. These two are also
    PYSPAN_PROPAGATE_THREADS and PYSPAN_BAGGAGE_ATTRIBUTES.

    Raises:
        ConfigurationError: an argument cannot be used; an exporter, an endpoint, headers or a certificate of the
            environment, or anything in the file, cannot (for any other variable the default holds, with a warning); or
            tracing is configured already (`shutdown()` first).
    """
    from pyspan.sdk import _configure
    from pyspan.sdk._settings import Settings

    settings = Settings(
        service_name=service_name,
        exporter=exporter,
        endpoint=endpoint,
        sampler=sampler,
        resource=resource,
        processors=processors,
        id_generator=id_generator,
        span_limits=span_limits,
        propagate_threads=propagate_threads,
        baggage_attributes=baggage_attributes,
        export_open_spans_after=export_open_spans_after,
        redact=redact,
    )
    return _configure.configure(settings)


def force_flush(timeout: float = 30.0) -> bool:
    """Export what has ended so far; False where that took longer than `timeout` seconds or some of it was lost.

    Spans that a full queue has dropped before were never queued: they change nothing here, `stats()` counts them.
    A timeout below 0 counts as 0, one of more than a day as a day; what is no number is logged, the default is taken.
    """
    from pyspan.sdk import _configure

    return _configure.force_flush(timeout)


def flush_on_return(handler: Callable[..., Any] | None = None, *, timeout: float = 2.0) -> Any:
    """Export what has ended when a function is left, before a serverless platform freezes its process.

    A decorator, `@pyspan.flush_on_return` or with `(timeout=1.0)`, for functions and coroutine functions, or a context
    manager. It takes at most `timeout` seconds, and no longer than what AWS Lambda's context among the arguments
    leaves, less 0.1 s; what has not left by then is logged. Results and exceptions are the handler's.
    A `timeout` that cannot be used is treated as in `force_flush()`.

    Raises:
        TypeError: `handler` is no function, or a generator function.
    """
    from pyspan.sdk import _flush_on_return

    flushing = _flush_on_return.FlushOnReturn(timeout)
    return flushing if handler is None else flushing(handler)


def shutdown() -> None:
    """Export the rest within 5 s and stop tracing; `configure()` may follow."""
    from pyspan.sdk import _configure

    _configure.shutdown()


def stats() -> dict[str, Any]:
    """Return what became of the spans of this process, in numbers, summed over its providers and their exporters.

    A provider that nobody holds any more takes its numbers along. `exporters` lists those of each exporter by itself,
    with its name under `exporter`; `unended_by_name` where spans that nobody ended came from: `scope`, `name`, `spans`
    and `longest`, the most seconds that one was open (100 names, then one entry without). In spans, unless said
    otherwise:

    - started, ended: recording spans; unended: those that were dropped without an end; left_to_parent: those that a
      forked child found open, or in its queue, and left to its parent; live: started here, neither ended nor dropped.
    - sampled, record_only, unsampled: what the sampler said of each; the first two make started.
    - snapshots: open spans that were exported as they were then; among accepted and exported too.
    - accepted: let into a queue; taken: out of it again; queued_spans, queued_bytes: in it now; in_flight: under way.
    - exported: taken and kept by the receiver; rejected: taken and thrown away by it (OTLP partial success); failed:
      those that a Python exporter failed to export; dead_lettered: set aside; batches: requests that were taken.
    - retried: sent again; failures_<status>: requests that failed.
    - dropped: all lost on this side, the sum of failed and these: dropped_queue_full, dropped_too_large (larger than
      the whole queue), dropped_after_shutdown (ended too late), dropped_at_shutdown (its deadline passed),
      dropped_gave_up (the export timeout passed), dropped_refused (as the wrong credentials are), dropped_permanent
      (the receiver will never take them), dropped_worker_failed.

    All but failures_<status> are always there, as 0 where nothing counts them.
    """
    from pyspan.sdk import _stats

    return _stats.stats()


def trace_context() -> dict[str, str] | None:
    """Return the current span for the caller: `traceId`, `spanId` (in hex), `service`, `version`, `env`, all texts.

    The object serialises to JSON; bodies have it under `_traceContext`. None outside a span; what the resource does not
    say is empty.
    """
    from pyspan.propagation import result

    return result.trace_context()


def with_trace_context(result: Result) -> Result:
    """Return what a server action results in, with `trace_context()` as its attribute `__traceContext`.

    What takes no attributes, such as a dict, a list, None or a frozen class, is returned as it is.
    """
    from pyspan.propagation import result as handed_back

    return handed_back.with_trace_context(result)


def __getattr__(name: str) -> str:
    if name == "__version__":
        from pyspan._core import VERSION

        return VERSION
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
