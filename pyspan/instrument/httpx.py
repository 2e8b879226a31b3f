"""A client span a request of httpx: `instrument()` for every client of the process."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, cast

import httpx
from opentelemetry import propagate, trace
from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY, _SUPPRESS_INSTRUMENTATION_KEY, get_value
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, TracerProvider

from pyspan._core import redact_query
from pyspan.instrument._rare import record_failure
from pyspan.instrument._settings import exclusion, tracer_of

__all__ = ["instrument", "uninstrument"]

METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "QUERY"})
FIRST_ERROR = 400

_originals: list[tuple[type, str, Any]] = []


def instrument(*, tracer_provider: TracerProvider | None = None, excluded: str | None = None) -> None:
    """Trace what httpx's own transports send from now on, of clients that are there and of those to come.

    Each request, also one that a redirect makes, is one span from its start to the head of the response; the context
    travels in its headers by the global propagator. `excluded` are regular expressions for URLs without a span and
    without these headers, parted by commas; by default OTEL_PYTHON_HTTPX_EXCLUDED_URLS, else OTEL_PYTHON_EXCLUDED_URLS.
    A second call changes nothing: `uninstrument()` first.

    Raises:
        ConfigurationError: `excluded` or its variable cannot be used.
    """
    if _originals:
        return
    requests = _Requests(tracer_provider, exclusion("httpx", excluded))
    _replace(httpx.HTTPTransport, "handle_request", requests.around)
    _replace(httpx.AsyncHTTPTransport, "handle_async_request", requests.around_async)


def uninstrument() -> None:
    """Trace no request of httpx any more."""
    while _originals:
        owner, name, original = _originals.pop()
        setattr(owner, name, original)


def _replace(owner: type, name: str, around: Callable[[Any], Any]) -> None:
    original = getattr(owner, name)
    _originals.append((owner, name, original))
    setattr(owner, name, around(original))


class _Requests:
    """Wraps the methods that send a request."""

    def __init__(self, provider: TracerProvider | None, excluded: Callable[[str], object] | None) -> None:
        self._provider = provider
        self._excluded = excluded
        self._tracer_of = functools.lru_cache(maxsize=4)(tracer_of("pyspan.instrument.httpx"))

    def around(self, send: Callable[[Any, httpx.Request], httpx.Response]) -> Callable[..., httpx.Response]:
        @functools.wraps(send)
        def handle_request(transport: Any, request: httpx.Request) -> httpx.Response:
            span = self._start(request)
            if span is None:
                return send(transport, request)
            with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
                try:
                    response = send(transport, request)
                except BaseException as error:
                    record_failure(span, error)
                    raise
                _note(span, response)
                return response

        return handle_request

    def around_async(
        self, send: Callable[[Any, httpx.Request], Awaitable[httpx.Response]]
    ) -> Callable[..., Awaitable[httpx.Response]]:
        @functools.wraps(send)
        async def handle_async_request(transport: Any, request: httpx.Request) -> httpx.Response:
            span = self._start(request)
            if span is None:
                return await send(transport, request)
            with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
                try:
                    response = await send(transport, request)
                except BaseException as error:
                    record_failure(span, error)
                    raise
                _note(span, response)
                return response

        return handle_async_request

    def _start(self, request: httpx.Request) -> Span | None:
        if get_value(_SUPPRESS_INSTRUMENTATION_KEY) or get_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY):
            return None
        url = _full(request.url)
        if self._excluded is not None and self._excluded(url):
            return None
        method = request.method if request.method in METHODS else "HTTP"
        tracer: Tracer = self._tracer_of(self._provider or trace.get_tracer_provider())
        span = tracer.start_span(method, kind=SpanKind.CLIENT, attributes=_described(request, url))
        propagate.inject(request.headers, context=trace.set_span_in_context(span))
        return span


def _full(url: httpx.URL) -> str:
    """Return the URL without user and password, and without the values of secrets in its query."""
    query = url.query.decode("ascii", "replace")
    clean = url.copy_with(username=None, password=None, query=redact_query(query).encode() if query else None)
    return str(clean).replace("%5BREDACTED%5D", "[REDACTED]")


def _described(request: httpx.Request, url: str) -> dict[str, str | int]:
    known = request.method in METHODS
    described: dict[str, str | int] = {
        "http.request.method": request.method if known else "_OTHER",
        "url.full": url,
        "server.address": request.url.host,
        "server.port": request.url.port or (443 if request.url.scheme == "https" else 80),
    }
    if not known:
        described["http.request.method_original"] = request.method
    length = request.headers.get("content-length", "")
    if length.isdigit():
        described["http.request.body.size"] = int(length)
    return described


def _note(span: Span, response: httpx.Response) -> None:
    span.set_attribute("http.response.status_code", response.status_code)
    version = cast("bytes", response.extensions.get("http_version", b"")).decode("ascii", "replace")
    if version:
        span.set_attribute("network.protocol.version", version.removeprefix("HTTP/"))
    if response.status_code >= FIRST_ERROR:
        span.set_attribute("error.type", str(response.status_code))
        span.set_status(Status(StatusCode.ERROR))
