"""What the hooks for HTTP clients have in common: their settings, and the methods that they replace."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pyspan.config.instrument import CLIENT
from pyspan.instrument._exchange import ClientSpans
from pyspan.instrument._headers import capture
from pyspan.instrument._hosts import hosts, is_near
from pyspan.instrument._settings import exclusion, tracer_of
from pyspan.instrument._style import Style

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

__all__ = ["ClientHook", "Replaced"]

REQUEST_HEADERS, RESPONSE_HEADERS = CLIENT

# A class, the name of its method, and what makes the new method out of the old one.
Replaced = tuple[type, str, Callable[[Any], Any]]


class ClientHook:
    """Traces the requests of one library.

    `kind` is its name as OpenTelemetry's package and the variables have it; `replaced` returns the methods that send.
    """

    __slots__ = ("_kind", "_originals", "_replaced")

    def __init__(self, kind: str, replaced: Callable[[ClientSpans], Iterable[Replaced]]) -> None:
        self._kind = kind
        self._replaced = replaced
        self._originals: list[tuple[type, str, Any]] = []

    def instrument(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        excluded: str | Collection[str] | None = None,
        capture_request_headers: Collection[str] | None = None,
        capture_response_headers: Collection[str] | None = None,
        context_to: Collection[str] | None = None,
        baggage_to: Collection[str] | None = None,
        connection_events: bool = False,
        attribute_style: str | None = None,
    ) -> None:
        """Trace what the library's own transports send from now on, of clients that are there and of those to come.

        Each request, also one that a redirect makes, is one span from its start to the head of the response; the
        context travels in its headers by the global propagator. A second call changes nothing: `uninstrument()` first.

        - tracer_provider: instead of the global one.
        - excluded: regular expressions for URLs without a span and without these headers, as a list or parted by
          commas; by default OTEL_PYTHON_{HTTPX,REQUESTS,AIOHTTP_CLIENT}_EXCLUDED_URLS, else
          OTEL_PYTHON_EXCLUDED_URLS.
        - capture_request_headers, capture_response_headers: names (regular expressions) of headers that become
          attributes; by default OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST and _RESPONSE. Values of
          secrets are replaced by `[REDACTED]`.
        - context_to: hosts, with all below them, that get the context; by default all.
        - baggage_to: hosts that get the baggage, too; by default those of the same site: names without a dot or below
          `local`, `localhost`, `internal` and `svc`, and private addresses.
        - connection_events: events `dns.start`, `dns.end`, `connect.start`, `connect.end`, `tls.start`, `tls.end` of a
          request that opens a connection, as far as the library tells them apart.
        - attribute_style: `current`, `old`, `dup` or `documents`; by default PYSPAN_SEMCONV, else
          OTEL_SEMCONV_STABILITY_OPT_IN.

        Raises:
            ConfigurationError: an argument or variable cannot be used.
        """
        if self._originals:
            return
        spans = ClientSpans(
            kind=self._kind,
            tracer_provider=tracer_provider,
            tracer_of=lru_cache(maxsize=4)(tracer_of(f"pyspan.instrument.{self._kind.removesuffix('_client')}")),
            excluded=exclusion(self._kind, excluded),
            captured_request_header=capture("request", capture_request_headers, REQUEST_HEADERS),
            captured_response_header=capture("response", capture_response_headers, RESPONSE_HEADERS),
            gets_context=hosts("context_to", context_to),
            gets_baggage=hosts("baggage_to", baggage_to) or is_near,
            connection_events=connection_events,
            style=Style.chosen(attribute_style),
        )
        for owner, name, around in self._replaced(spans):
            original = getattr(owner, name)
            self._originals.append((owner, name, original))
            setattr(owner, name, around(original))

    def uninstrument(self) -> None:
        """Trace no request of the library any more."""
        while self._originals:
            owner, name, original = self._originals.pop()
            setattr(owner, name, original)
