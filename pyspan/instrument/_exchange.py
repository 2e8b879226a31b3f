"""One request of a client and the head of its answer: a span, whatever the library."""

from __future__ import annotations

import logging
import time
from asyncio import CancelledError
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import SplitResult, urlsplit

from opentelemetry import baggage, context, propagate, trace
from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY, _SUPPRESS_INSTRUMENTATION_KEY, get_value
from opentelemetry.trace import SpanKind, Status, StatusCode

from pyspan._core import redact_query
from pyspan.instrument._headers import captured
from pyspan.instrument._rare import fail

if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer, TracerProvider

    from pyspan.instrument._headers import Capture
    from pyspan.instrument._style import Style

__all__ = ["Call", "ClientSpans", "Exchange", "mark"]

logger = logging.getLogger(__name__)

METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "QUERY"})
PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
FIRST_ERROR = 400
SERVER_ERROR = 500
WITHOUT_BODY = frozenset({204, 304})
LIMIT = ("retry-after", "ratelimit", "x-ratelimit")
# To OpenTelemetry's packages below ours it says: this request has its span. To ours it says nothing, so that the
# requests of a body that is made while it is sent have theirs.
OURS = "pyspan.instrument"
BEFORE = {
    "http.request.method": "http.method",
    "url.full": "http.url",
    "server.address": "net.peer.name",
    "server.port": "net.peer.port",
    "http.request.body.size": "http.request_content_length",
    "http.request.resend_count": "http.resend_count",
    "http.response.status_code": "http.status_code",
    "http.response.body.size": "http.response_content_length",
    "network.protocol.version": "http.flavor",
}
CURRENT = {*BEFORE, "http.request.method_original"}
OF_DOCUMENTS = {key: BEFORE[key] for key in ("http.request.method", "url.full", "http.response.status_code")}

Headers = Mapping[str, Any]
_call: ContextVar[Call | None] = ContextVar("pyspan.client_call", default=None)


class Call:
    """What a client sends because its user has called it once: redirects, answers to challenges, resends."""

    __slots__ = ("_token", "client", "cut", "sends")

    def __init__(self, client: object) -> None:
        self.client = client
        self.sends = 0
        self.cut: _Traced | None = None

    @staticmethod
    def current() -> Call | None:
        """Return the one under way."""
        return _call.get()

    def __enter__(self) -> None:
        self._token: Token[Call | None] = _call.set(self)

    def __exit__(self, _: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        _call.reset(self._token)
        if self.cut is not None:  # only here a client's own timeout is told from what its user has cancelled
            self.cut.end_with(error or CancelledError())


class Exchange(Protocol):
    """What a hook puts around the sending of a request."""

    headers: Mapping[str, str]

    def __enter__(self) -> Exchange: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: object) -> None: ...
    def answered(self, status: int, version: str, headers: Headers, resends: int = 0) -> None: ...


class _Untraced:
    """A request that has no span and carries no context."""

    headers: Mapping[str, str] = MappingProxyType({})

    def __enter__(self) -> _Untraced:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: object) -> None:
        pass

    def answered(self, status: int, version: str, headers: Headers, resends: int = 0) -> None:
        pass


UNTRACED = _Untraced()


@dataclass(frozen=True)
class ClientSpans:
    """All that a hook was told, checked."""

    kind: str
    tracer_provider: TracerProvider | None
    tracer_of: Callable[[TracerProvider], Tracer]
    excluded: Callable[[str], object] | None
    captured_request_header: Capture | None
    captured_response_header: Capture | None
    gets_context: Callable[[str], bool] | None
    gets_baggage: Callable[[str], bool]
    connection_events: bool
    style: Style

    def exchange(self, method: str, url: str, headers: Headers) -> Exchange:
        """Start the span of a request; a fault of ours costs only the span."""
        try:
            return self._started(method, url, headers)
        except Exception:
            logger.exception("a request could not be traced")
            return UNTRACED

    def _started(self, method: str, url: str, headers: Headers) -> Exchange:
        call = _call.get()
        resends = 0
        if call is not None:
            resends, call.sends = call.sends, call.sends + 1
        current = context.get_current()
        if _is_suppressed(current) or self._has_generic_span(current):
            return UNTRACED
        parts = urlsplit(url)
        clean = _clean(url, parts)
        if self.excluded is not None and self.excluded(clean):
            return UNTRACED
        attributes = self._described(method, clean, parts, headers)
        if resends:
            attributes["http.request.resend_count"] = resends
        tracer = self.tracer_of(self.tracer_provider or trace.get_tracer_provider())
        name = method if method in METHODS else "HTTP"
        span = tracer.start_span(name, current, SpanKind.CLIENT, attributes=self.styled(attributes))
        within = trace.set_span_in_context(span, current)
        return _Traced(self, span, within, self._injected(within, parts.hostname or ""), (method, resends))

    def _has_generic_span(self, current: Context) -> bool:
        """Return True within OpenTelemetry's own package for this library."""
        scope = getattr(trace.get_current_span(current), "instrumentation_scope", None)
        return getattr(scope, "name", None) == f"opentelemetry.instrumentation.{self.kind}"

    def _described(self, method: str, clean: str, parts: SplitResult, headers: Headers) -> dict[str, Any]:
        known = method in METHODS
        described: dict[str, Any] = {"http.request.method": method if known else "_OTHER", "url.full": clean}
        if not known:
            described["http.request.method_original"] = method
        if parts.hostname:
            described["server.address"] = parts.hostname
        if port := parts.port or PORTS.get(parts.scheme):
            described["server.port"] = port
        if (size := _length(headers)) is not None:
            described["http.request.body.size"] = size
        if self.style.documents:
            described["external.service"] = parts.hostname or ""
            described["http.query"] = urlsplit(clean).query
        return {**described, **captured(self.captured_request_header, headers)}

    def _injected(self, within: Context, host: str) -> dict[str, str]:
        headers: dict[str, str] = {}
        try:
            if self.gets_context is None or self.gets_context(host):
                propagate.inject(headers, within if self.gets_baggage(host) else baggage.clear(within))
        except Exception:  # anybody's propagator
            logger.exception("a request goes out without the context")
        return headers

    def styled(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes under the keys of the style."""
        if self.style.current and not (self.style.old or self.style.documents):
            return attributes
        names = BEFORE if self.style.old else OF_DOCUMENTS
        method = attributes.get("http.request.method_original")
        before = {names[key]: value for key, value in attributes.items() if key in names}
        if method is not None:
            before["http.method"] = method
        kept = {key: value for key, value in attributes.items() if self.style.current or key not in CURRENT}
        return {**kept, **before}


class _Traced:
    """A request whose span is the current one until the head of the answer is there."""

    __slots__ = ("_method", "_resends", "_since", "_span", "_spans", "_token", "_within", "headers")

    def __init__(
        self, spans: ClientSpans, span: Span, within: Context, headers: Mapping[str, str], of: tuple[str, int]
    ) -> None:
        self._spans = spans
        self._span = span
        self._within = within
        self._method, self._resends = of
        self._since = time.perf_counter()
        self.headers = headers

    def __enter__(self) -> _Traced:
        self._token = context.attach(context.set_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY, OURS, self._within))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: object) -> None:
        context.detach(self._token)
        call = _call.get()
        if isinstance(error, CancelledError) and call is not None and call.cut is None:
            call.cut = self
        elif error is not None:
            self.end_with(error)
        else:
            self._span.end()

    def end_with(self, error: BaseException) -> None:
        """End the span of a request that has no answer."""
        documents = self._spans.style.documents
        fail(self._span, error, documents=documents)
        if documents:
            self._span.set_attribute("http.response_time", self._milliseconds())
        self._span.end()

    def answered(self, status: int, version: str, headers: Headers, resends: int = 0) -> None:
        """Note the answer; a fault of ours costs only what it would have said."""
        try:
            self._note(status, version, headers, resends)
        except Exception:
            logger.exception("an answer could not be noted")

    def _note(self, status: int, version: str, headers: Headers, resends: int) -> None:
        noted: dict[str, Any] = {"http.response.status_code": status}
        if version:
            noted["network.protocol.version"] = version
        if resends:
            noted["http.request.resend_count"] = self._resends + resends
        size = _length(headers)
        if size is not None and self._method != "HEAD" and status not in WITHOUT_BODY:
            noted["http.response.body.size"] = size
        noted |= captured(self._spans.captured_response_header, headers)
        if status >= FIRST_ERROR:
            noted["error.type"] = str(status)
            noted |= captured(_of_limit, headers)
            self._span.set_status(Status(StatusCode.ERROR))
        if self._spans.style.documents:
            noted["http.response_time"] = self._milliseconds()
            if status >= SERVER_ERROR:
                noted["error"] = True
        self._span.set_attributes(self._spans.styled(noted))

    def _milliseconds(self) -> float:
        return (time.perf_counter() - self._since) * 1000


def mark(name: str) -> None:
    """Add an event to the span of the request that is under way; nothing outside of one of ours."""
    if get_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY) == OURS:
        trace.get_current_span().add_event(name)


def _is_suppressed(current: Context) -> bool:
    below = get_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY, current)
    return bool(get_value(_SUPPRESS_INSTRUMENTATION_KEY, current) or (below and below != OURS))


def _clean(url: str, parts: SplitResult) -> str:
    """Return the URL without user and password, and without the values of secrets in its query."""
    server = parts.netloc.rpartition("@")[2]
    query, fragment = redact_query(parts.query), redact_query(parts.fragment)
    if (server, query, fragment) == (parts.netloc, parts.query, parts.fragment):
        return url
    return parts._replace(netloc=server, query=query, fragment=fragment).geturl()


def _length(headers: Headers) -> int | None:
    text = headers.get("content-length") or ""
    return int(text) if text.isdigit() else None


def _of_limit(name: str) -> tuple[str, bool] | None:
    """Capture what a server says of its limits when it refuses."""
    return (f"http.response.header.{name}", False) if name.startswith(LIMIT) else None
