"""Types of the native extension, class by class as in rust_core/python/src."""

from collections.abc import Callable
from typing import Literal, final

VERSION: str

@final
class Batch:
    """One encoded ExportTraceServiceRequest on its way to an exporter; immutable."""

    def __len__(self) -> int: ...
    @property
    def data(self) -> bytes: ...
    @property
    def nbytes(self) -> int: ...

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

        `endpoint` is a whole URL: `http://`, `https://` (for HTTP with its path) or `unix:///path`. Certificates and key are PEM;
        without `certificate` the platform's roots are trusted. Raises: ValueError with the setting and the reason.
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
