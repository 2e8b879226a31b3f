"""Types of the native extension, class by class as in rust_core/python/src."""

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from os import PathLike
from typing import Any, Literal, TypeVar, final

from opentelemetry.context import Context
from opentelemetry.propagators.textmap import CarrierT, Getter, Setter, TextMapPropagator
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceState
from typing_extensions import Self, disjoint_base

_F = TypeVar("_F", bound=Callable[..., Any])

VERSION: str
PROFILE_GUIDED: bool
"""Whether the extension was built by a profile, as those in wheels are."""

@final
class Batch:
    """One encoded ExportTraceServiceRequest on its way to an exporter; immutable."""

    @staticmethod
    def parse(data: bytes) -> Batch:
        """Return the batch that `data` is.

        Raises:
            MalformedError: with what is wrong and at which byte.
        """
    @staticmethod
    def parse_json(data: bytes) -> Batch:
        """Return the batch that an OTLP/JSON body stands for.

        Raises:
            MalformedError: with what is wrong and its line and column.
        """
    def __len__(self) -> int:
        """Return the number of spans."""
    @property
    def data(self) -> bytes:
        """The protobuf bytes, copied at each access."""
    @property
    def nbytes(self) -> int: ...
    def split(self) -> tuple[Batch, Batch] | None:
        """Return the two halves by spans; None for a single span."""
    def split_to(self, max_bytes: int, max_spans: int = ...) -> list[Batch]:
        """Return pieces within the limits, in order.

        Larger than `max_bytes` may be a single span, and a piece whose spans share more than half of that (resource,
        scope): beside it there is room for half of `max_bytes`.
        """
    def records(
        self, done: int = 0, limit: int = ..., budget: int = ...
    ) -> tuple[list[tuple[bytes, bytes]], list[int], int]:
        """Return (trace id as 32 lower-case hex digits, request of spans of that trace) by first appearance.

        A request takes `limit` bytes at most; a trace above that becomes several. There are no more once they take
        `budget` bytes together. Then come the places of spans that are above the limit alone, and the `done` to go on
        with: how many spans were dealt with, all of them at the end.
        """
    def pick(self, places: list[int]) -> Batch:
        """Return the spans at these places, as in `span_ids()`, in the order of this batch."""
    def span_ids(self) -> list[tuple[str, str]]:
        """Return (trace id, span id) of every span, in lower-case hex."""
    def to_json(self) -> bytes:
        """Return one line of OTLP/JSON as the Collector's file exporter writes it, without the line's end."""
    def spans(self) -> list[dict[str, Any]]:
        """Return the spans decoded, for tests and printing.

        Their keys: trace_id, span_id and parent_span_id as hex, name, kind, start_ns, end_ns, attributes, events,
        links, status, resource (its attributes), scope.
        """
    def compress(self, algorithm: str) -> bytes:
        """Return the data under "none", "gzip" or "zstd", at level 1."""

@final
class Spool:
    """A log on disk that holds batches until every reader has acknowledged them; for one process at a time."""

    def __new__(
        cls,
        directory: str | PathLike[str],
        *,
        segment_bytes: int,
        max_bytes: int,
        fsync: Literal["never", "interval", "always"],
        fsync_interval: float = 0.05,
    ) -> Spool:
        """Open or create the spool and recover what is in it; `fsync_interval` is in seconds.

        Raises:
            ConfigurationError: another process has the spool.
            OSError: the folder cannot be used.
        """
    def append(self, batch: Batch) -> int:
        """Store a batch and return the offset after it.

        Raises:
            SpoolFullError: at the byte limit; nothing was stored.
            PermanentError: the batch alone is larger than the limit.
            OSError: the disk failed or is full, or the folder was removed; nothing was stored.
        """
    def reader(self, name: str, *, from_end: bool = False) -> SpoolReader:
        """Return the reader called `name`; a new one begins at the oldest record and from now on holds back space.

        With `from_end` a new one begins behind the newest record.
        """
    def reader_names(self) -> list[str]:
        """Return the names of the readers that hold back space, those of earlier processes included."""
    def remove_reader(self, name: str) -> None:
        """Forget a reader and what only it still needed."""
    def stats(self) -> dict[str, int]:
        """Return counts, and what was damaged.

        bytes, segments, full (what was last refused for want of room would be refused again), gone (the folder was
        removed or replaced: nothing is taken any more), accepted_spans (over all restarts), oldest_offset, next_offset;
        torn_records, skipped_records, skipped_bytes, skipped_spans, damaged_segments, damaged_readers, sync_errors.
        """
    def flush(self) -> None:
        """Force all that was appended to the disk."""
    def close(self) -> None:
        """Sync unless the policy is never, and let other processes have the spool."""

@final
class SpoolReader:
    """A named reader with a place of its own."""

    def read(self, max_spans: int, max_bytes: int) -> tuple[Batch, int] | None:
        """Return the next records merged into one batch and the offset after them; None when there is nothing new.

        A record larger than the limits comes in pieces. Read until None before waiting for `fileno`.
        """
    def rewind(self) -> None:
        """Go back to what was acknowledged last."""
    def ack(self, offset: int) -> None:
        """Mark everything before `offset`, which a read returned, as done, durably."""
    def fileno(self) -> int:
        """Return a descriptor that is readable when something was appended after the last read."""
    def clear_wakeup(self) -> None: ...
    @property
    def offset(self) -> int: ...
    @property
    def acked_offset(self) -> int: ...
    @property
    def lag_bytes(self) -> int: ...
    @property
    def lag_spans(self) -> int:
        """Accepted spans that are not acknowledged, right after a restart too."""

@final
class OtlpClient:
    """A client of one OTLP endpoint; usable from any thread and in forked children. Policy is the caller's."""

    def __new__(
        cls,
        endpoint: str,
        *,
        protocol: Literal["http/protobuf", "grpc"],
        headers: dict[str, str],
        compression: Literal["none", "gzip", "zstd"],
        certificate: bytes | None = None,
        client_certificate: bytes | None = None,
        client_key: bytes | None = None,
    ) -> OtlpClient:
        """Check the settings; connects to nothing yet.

        `endpoint` is a whole URL: `http://`, `https://` (for HTTP with its path) or `unix:///path`. Certificates and
        key are PEM; without `certificate` the platform's roots are trusted.

        Raises:
            ValueError: the setting and the reason.
        """
    def submit(self, batch: Batch, timeout: float, done: Callable[[OtlpReply], object]) -> OtlpCall:
        """Send without waiting; `done` is called once from the thread `pyspan-io`, unless the call is cancelled before.

        What `done` raises goes to `sys.unraisablehook`. It is not called any more once the interpreter is ending.
        """
    def export(self, batch: Batch, timeout: float) -> OtlpReply:
        """Send and wait up to `timeout` seconds, connecting included; signals are served within 0.1 s."""
    def close(self) -> None:
        """Close idle connections; a later call connects anew."""

@final
class OtlpCall:
    """An export under way."""

    def cancel(self) -> None:
        """Drop the request; without effect when `done` is being called already."""

@final
class OtlpReply:
    """What came of one export."""

    @property
    def kind(self) -> Literal["ok", "http", "grpc", "transport", "timeout"]: ...
    @property
    def code(self) -> int:
        """HTTP or gRPC status, 0 where there was none."""
    @property
    def message(self) -> str: ...
    @property
    def retry_after(self) -> float | None:
        """The pause in seconds that the peer asked for (Retry-After or RetryInfo)."""
    @property
    def rejected_spans(self) -> int:
        """Spans that the peer took and threw away (partial success)."""
    @property
    def sent_bytes(self) -> int:
        """Bytes of the request body as sent, compressed."""

def step_clock(step_ns: int) -> None:
    """Make the times that spans read `step_ns`, twice as much and so on; 0 brings the wall clock back.

    For tests: it holds for the whole process.
    """

def kafka_partitions(keys: list[bytes], partitions: int) -> list[int]:
    """Return the index of each key's partition: murmur2, as Kafka's Java client and aiokafka choose it.

    Raises:
        ValueError: there is no partition.
    """

@final
class NativeSampler:
    """A head sampler that decides without Python."""

    def should_sample(
        self,
        parent: Span | object,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Mapping[str, object] | None = None,
        trace_state: TraceState | None = None,
    ) -> tuple[bool, float | None, TraceState | None]:
        """Return the decision, the adjusted count if there is one, and the trace state of the span.

        `parent` is any span, an invalid one for none; its trace state holds where none is given.
        """
    def replace(self, sampler: NativeSampler) -> None:
        """Decide as `sampler` from now on.

        Raises:
            TypeError: it does not come from `replaceable`.
        """

@final
class NativeComposable:
    """Says natively by which threshold a span is to be decided. Rates are shares from 0 to 1."""

def always_on() -> NativeSampler:
    """Sample every span."""

def always_off() -> NativeSampler:
    """Sample no span."""

def trace_id_ratio(rate: float) -> NativeSampler:
    """Sample the given share of traces by the low 64 bits of their id, as opentelemetry-sdk does."""

def parent_based(
    root: NativeSampler,
    remote_sampled: NativeSampler,
    remote_not_sampled: NativeSampler,
    local_sampled: NativeSampler,
    local_not_sampled: NativeSampler,
) -> NativeSampler:
    """Follow the parent, by one delegate for each kind of parent."""

def composite(composable: NativeComposable) -> NativeSampler:
    """Decide by a threshold, and write it into the trace state."""

def fixed_threshold(rate: float) -> NativeComposable:
    """Give every span the threshold of a rate."""

def parent_threshold(root: NativeComposable) -> NativeComposable:
    """Give a span the parent's threshold, or its decision; root spans are `root`'s."""

def operations(
    critical: list[str], by_name: list[tuple[str, float]], by_type: dict[str, float], rest: float
) -> NativeComposable:
    """Keep critical operations; give roots the rate of the first name that fits, of their type, or the rest."""

def rate_limit(per_second: float, burst: float) -> NativeSampler:
    """Sample as many spans as a bucket has tokens."""

def adaptive(target: float) -> NativeSampler:
    """Sample a share of the spans such that about `target` a second are kept."""

def per_operation(rates: dict[str, float], others: float, least: float) -> NativeSampler:
    """Sample shares by the name of the span, and of each at least so many a second."""

def replaceable(initial: NativeSampler, on_first_use: Callable[[], object]) -> NativeSampler:
    """Decide as `initial` until another is set; call `on_first_use` at the first decision in each process."""

def read_ot(trace_state: str) -> tuple[int | None, int | None]:
    """Return threshold and randomness as the `ot` member of a trace state gives them."""

def decide_by_threshold(
    trace_id: int, threshold: int | None, reliable: bool, trace_state: str
) -> tuple[bool, str | None]:
    """Return the decision, and the trace state where that changes; None is the threshold that none reaches.

    Raises:
        ValueError: the trace id is 0.
    """

def encode_resource(attributes: Mapping[str, object]) -> bytes:
    """Encode an OTLP `Resource` message."""

def encode_scope(name: str, version: str, attributes: Mapping[str, object]) -> bytes:
    """Encode an OTLP `InstrumentationScope` message."""

def span_by_hand(
    tracer: Tracer,
    name: str,
    context: SpanContext,
    parent: SpanContext | None,
    kind: SpanKind,
    *,
    links: Sequence[Any] | None,
    record_exception: bool,
    set_status_on_exception: bool,
) -> Span:
    """Return a span with this identity that records before it is started; a context that is none is kept as it is."""

@final
class Limits:
    """How much a span may hold; None is no limit. Lengths are in characters."""

    def __new__(
        cls,
        *,
        attributes: int | None,
        events: int | None,
        links: int | None,
        event_attributes: int | None,
        link_attributes: int | None,
        attribute_length: int | None,
        span_attribute_length: int | None,
    ) -> Limits: ...

@final
class Recorder:
    """The native half of a tracer provider: sampling, ids, limits, and where finished spans go."""

    def __new__(
        cls,
        resource: object,
        encoded_resource: bytes,
        schema_url: str,
        limits: Limits,
        sampler: object,
        native_sampler: NativeSampler | None,
        id_generator: object | None,
        redact: bool = False,
    ) -> Recorder:
        """Make one; without `native_sampler` `sampler` is asked each time, without `id_generator` ids are random.

        With `redact` secrets give way to `[REDACTED]` in attributes, events, links and descriptions of a status.
        """
    def set_resource(self, resource: object, encoded: bytes, schema_url: str) -> None: ...
    def set_processor(self, processor: object | None) -> None:
        """Call `processor` at the start and end of every recording span; None calls nobody."""
    def add_queue(self, queue: SpanQueue) -> None:
        """Put every sampled span into `queue` when it ends."""
    def remove_queue(self, queue: SpanQueue) -> None: ...
    def copy_baggage(self, patterns: list[str]) -> None:
        """Set the members of the baggage that `patterns` name (`tenant.id`, `app.*`) on every span when it starts."""
    def keep(self, kept: object) -> None:
        """Keep `kept` alive for as long as the recorder, which its tracers and spans keep."""
    def tracer(self, scope: object, encoded: bytes, schema_url: str) -> Tracer: ...
    def counts(self) -> dict[str, int]:
        """Return what was counted in this process.

        started, sampled, record_only, unsampled, ended, live, unended, left_to_parent.
        """
    def starts(self) -> list[tuple[str, str, int]]:
        """Return the parent's origin, what the sampler said, and how many spans started so."""
    def live(self) -> list[tuple[str, int]]:
        """Return what the sampler said of recording spans, and how many of them are open."""
    def unended(self) -> list[tuple[str, str, int, float]]:
        """Return scope, name, count and longest time in seconds of spans that were dropped without an end.

        Names are told apart up to a hundred; the rest is one row with empty ones.
        """
    def know_open(self, after: float, on_first: Callable[[], object]) -> None:
        """Keep a weak list of spans that start from now on; `on_first` is called with the first of each process.

        Raises: ValueError where `after` is no number of seconds.
        """
    def open_spans(self, everything: bool = False) -> list[Span]:
        """Return sampled spans that have been open for `after` seconds, later again each time that has doubled."""

@final
class Tracer:
    """A tracer of one instrumentation scope, as `opentelemetry.trace.Tracer`."""

    enabled: bool
    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind | None = None,
        attributes: Mapping[str, object] | None = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span: ...
    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind | None = None,
        attributes: Mapping[str, object] | None = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Span: ...
    def _is_enabled(self) -> bool: ...
    @property
    def _tracer_config(self) -> Any: ...
    @property
    def _instrumentation_scope(self) -> Any: ...
    @property
    def instrumentation_info(self) -> Any: ...
    @property
    def resource(self) -> Any: ...
    @property
    def sampler(self) -> Any: ...
    @property
    def id_generator(self) -> Any: ...
    @property
    def span_processor(self) -> Any: ...

@final
class Span:
    """A span of this process, and the context manager of `start_as_current_span`. Times are in Unix nanoseconds."""

    def set_attribute(self, key: str, value: object) -> None: ...
    def set_attributes(self, attributes: Mapping[str, object]) -> None: ...
    def add_event(
        self, name: str, attributes: Mapping[str, object] | None = None, timestamp: int | None = None
    ) -> None: ...
    def add_link(self, context: SpanContext, attributes: Mapping[str, object] | None = None) -> None: ...
    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None: ...
    def update_name(self, name: str) -> None: ...
    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, object] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None: ...
    def is_recording(self) -> bool: ...
    def start(self, start_time: int | None = None, parent_context: Context | None = None) -> None: ...
    def end(self, end_time: int | None = None) -> None: ...
    def __enter__(self) -> Span: ...
    def __exit__(self, exc_type: object, exc_value: object, traceback: object) -> None: ...
    def __call__(self, function: _F) -> _F:
        """Decorate a function, generator function, method or class: each call runs in a span like this one."""
    def _again(self) -> Span: ...
    def _run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...
    def get_span_context(self) -> SpanContext: ...
    @property
    def context(self) -> SpanContext: ...
    @property
    def parent(self) -> SpanContext | None: ...
    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> SpanKind: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...
    @property
    def events(self) -> tuple[Any, ...]: ...
    @property
    def links(self) -> tuple[Any, ...]: ...
    @property
    def status(self) -> Status: ...
    @property
    def start_time(self) -> int | None: ...
    @property
    def end_time(self) -> int | None: ...
    @property
    def resource(self) -> Any: ...
    @property
    def instrumentation_scope(self) -> Any: ...
    @property
    def instrumentation_info(self) -> Any: ...
    @property
    def dropped_attributes(self) -> int: ...
    @property
    def dropped_events(self) -> int: ...
    @property
    def dropped_links(self) -> int: ...
    def to_json(self, indent: int | None = 4) -> str: ...
    def _readable_span(self) -> Any:
        """Return a copy of what the span shows now, a `ReadableSpan`."""
    def __copy__(self) -> Any: ...
    def __deepcopy__(self, memo: object) -> Any: ...
    # What the SDK's spans hold under these names; processors redact by those that can be set.
    @property
    def _attributes(self) -> MutableMapping[str, Any]: ...
    @_attributes.setter
    def _attributes(self, attributes: Mapping[str, Any]) -> None: ...
    @property
    def _context(self) -> SpanContext: ...
    @property
    def _end_time(self) -> int | None: ...
    @property
    def _events(self) -> tuple[Any, ...]: ...
    @_events.setter
    def _events(self, events: Sequence[Any]) -> None: ...
    @property
    def _instrumentation_scope(self) -> Any: ...
    @property
    def _kind(self) -> SpanKind: ...
    @property
    def _links(self) -> tuple[Any, ...]: ...
    @property
    def _name(self) -> str: ...
    @_name.setter
    def _name(self, name: str) -> None: ...
    @property
    def _parent(self) -> SpanContext | None: ...
    @property
    def _resource(self) -> Any: ...
    @property
    def _span_processor(self) -> Any: ...
    @property
    def _start_time(self) -> int | None: ...
    @property
    def _status(self) -> Status: ...
    @_status.setter
    def _status(self, status: Status) -> None: ...

@final
class SpanQueue:
    """A bounded queue of encoded spans, filled by recorders, drained by a worker."""

    def __new__(
        cls,
        *,
        max_spans: int,
        max_bytes: int,
        batch_spans: int,
        batch_bytes: int,
        block_timeout: float | None = None,
    ) -> SpanQueue:
        """When full, drop and count the span; with `block_timeout`, first wait so many seconds for room.

        Raises: ValueError for a limit below 1.
        """
    def fileno(self) -> int:
        """Return the descriptor that a full batch and `wake` make readable; another one in a forked child."""
    def clear_wakeup(self) -> None: ...
    def wake(self) -> None: ...
    def take(self, partial: bool = False) -> Batch | None:
        """Take the oldest full batch; with `partial` also one that is not full."""
    def ready(self) -> bool:
        """Return True where a full batch is there to be taken."""
    def push(self, span: Span) -> bool:
        """Add an ended span by hand; False when it was dropped."""
    def push_open(self, span: Span, bare: bool = False) -> bool:
        """Add a span as it is before its end, marked; `bare` without attributes, events, links and what status says.

        False where it has ended or was dropped.
        """
    def on_first_span(self, callback: Callable[[], object]) -> None:
        """Call `callback` when the first span of a process arrives, again in each forked child."""
    def ask_again(self) -> None:
        """Call the callback also when the next span arrives."""
    def close(self) -> None:
        """Let no further span in; what comes is counted as `dropped_after_shutdown`."""
    def counts(self) -> dict[str, int]:
        """Return what was counted in this process.

        queued_spans, queued_bytes, accepted, taken, dropped_queue_full, dropped_too_large (larger than the queue),
        dropped_after_shutdown, left_to_parent.
        """

@disjoint_base
class Propagator:
    """Extracts and injects by several formats, each in turn; never raises an `Exception` of the carrier's code."""

    def __new__(cls, parts: Sequence[str | TextMapPropagator]) -> Self:
        """Take formats by the names of OTEL_PROPAGATORS, and any other propagators.

        Raises: ValueError for a name that is not known natively.
        """
    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] | None = None
    ) -> Context:
        """Return `context` with what the headers say; the first caller that is valid is the remote parent.

        Without a context an empty one, or the current one where baggage is the first format.
        """
    def extract_headers(self, headers: Iterable[Sequence[str | bytes]], context: Context | None = None) -> Context:
        """Do the same with pairs of name and value, in tuples or lists as ASGI, Kafka and JSON have them.

        Bytes are taken for Latin-1; what is no pair of text or bytes is skipped.
        """
    def inject(self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] | None = None) -> None:
        """Set the headers of `context`, by default the current one."""
    @property
    def fields(self) -> set[str]:
        """The headers that `inject` may set."""

@final
class RemoteSpan:
    """The caller's span as an extracted context holds it: a `NonRecordingSpan`, which ignores what it is told."""

    def get_span_context(self) -> SpanContext: ...
    @property
    def _context(self) -> SpanContext: ...
    @staticmethod
    def is_recording() -> bool: ...
    def end(self, *_args: object, **_kwargs: object) -> None: ...
    def set_attributes(self, *_args: object, **_kwargs: object) -> None: ...
    def set_attribute(self, *_args: object, **_kwargs: object) -> None: ...
    def add_event(self, *_args: object, **_kwargs: object) -> None: ...
    def add_link(self, *_args: object, **_kwargs: object) -> None: ...
    def update_name(self, *_args: object, **_kwargs: object) -> None: ...
    def set_status(self, *_args: object, **_kwargs: object) -> None: ...
    def record_exception(self, *_args: object, **_kwargs: object) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]:
        """Be pickled and copied as the API's own class, which says the same."""
    def __enter__(self) -> RemoteSpan: ...
    def __exit__(self, *_args: object) -> None: ...

def context_keys() -> dict[str, str]:
    """Return the keys under which a context holds what is ours: request_id, datadog_attributes."""

@final
class ServerSpans:
    """Spans of a server's requests; never raises into one, what fails is logged and that request has no span."""

    def __new__(cls, settings: object) -> Self:
        """Take what `pyspan.instrument._settings.Settings` says."""
    def asgi(self, scope: object, send: Callable[..., Any]) -> AsgiRequest | None:
        """Start the span of an ASGI connection and make it current.

        None where there is none to be: a lifespan, an excluded URL, a request that is traced already.
        """
    def wsgi(self, environ: object, start_response: Callable[..., Any]) -> WsgiRequest | None:
        """Start the span of a WSGI request and make it current; None where there is none to be."""

@final
class AsgiRequest:
    """An ASGI connection that is served, and the `send` that its application is to get."""

    def __call__(self, message: Any) -> Any:
        """Pass a message on, and note what it says; return what the server's `send` does."""
    @property
    def span(self) -> Any:
        """The connection's span."""
    def fail(self, error: BaseException) -> None:
        """Record what the application has raised; nothing once the span has ended."""
    def leave(self) -> None:
        """Make current what was before and end the span: the application has returned."""

@final
class WsgiRequest:
    """A WSGI request that is served, and the `start_response` that its application is to get."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Pass status and headers on, and note them."""
    @property
    def span(self) -> Any:
        """The request's span."""
    def body(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Make current what was before; return the body that the server is to get, whose end is the span's."""
    def fail(self, error: BaseException) -> None:
        """Record what the application has raised and end the span."""

@final
class WsgiBody:
    """A body on its way to the server. The span is current while the application makes a part of it."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> Any: ...
    def close(self) -> None:
        """Close the application's body and end the span."""

def is_secret(key: str) -> bool:
    """Return True for a key whose value is a secret: it contains password, token, secret, cookie and their like."""

def redact_query(query: str) -> str:
    """Return a URL's query with `[REDACTED]` for the values of secrets and for card numbers."""

@final
class Receivers:
    """OTLP over HTTP, gRPC and a unix socket, in front of a spool: what it acknowledges is appended before."""

    def __new__(
        cls,
        spool: Spool,
        *,
        otlp_http: str | None,
        otlp_grpc: str | None,
        socket: str | None,
        max_body_bytes: int,
        max_connections: int,
        threads: int,
    ) -> Receivers:
        """Take `HOST:PORT` (port 0: any free one) for TCP and a path for the socket; None switches a receiver off.

        `max_body_bytes` bounds a body as sent and decompressed, `max_connections` those of each receiver: one more
        takes the place of the one that is idle for longest, or is refused. Binds nothing yet.
        """
    def start(self) -> dict[str, str]:
        """Bind and serve; return the bound address of each receiver by name: otlp_http, otlp_grpc, socket.

        Raises: OSError that names the address and what to do (nothing is served then); RuntimeError when started
        before.
        """
    def stop(self, timeout: float) -> bool:
        """Stop listening, let requests under way finish for up to `timeout` seconds, then cut them off.

        Return whether all ended by themselves. The GIL is released meanwhile.
        """
    def stats(self) -> dict[str, int]:
        """Return `<receiver>.<count>` for each receiver.

        requests, accepted_spans, accepted_bytes (as decompressed), refused.<reason>, connections,
        refused_connections, dismissed_connections (idle ones, for others over the limit), broken_connections.
        """
