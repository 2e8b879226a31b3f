"""What the middlewares for ASGI and WSGI have in common: their arguments."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from pyspan._core import ServerSpans
from pyspan.config.instrument import SERVER
from pyspan.instrument import _settings
from pyspan.instrument._headers import capture
from pyspan.instrument._settings import Connection
from pyspan.instrument._style import Style

if TYPE_CHECKING:
    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.trace import TracerProvider

__all__ = ["ServerMiddleware"]

Application = TypeVar("Application")

REQUEST_HEADERS, RESPONSE_HEADERS = SERVER


class ServerMiddleware(Generic[Application]):
    """Starts and ends the spans of a server's requests.

    - tracer_provider, propagator: instead of the global ones.
    - excluded: regular expressions for URLs without a span; by default OTEL_PYTHON_ASGI_EXCLUDED_URLS (or _WSGI_), else
      OTEL_PYTHON_EXCLUDED_URLS. URLs are matched without their query.
    - inbound_context: `trust` makes the caller's span the parent and follows its sampling; `link` starts a trace of its
      own with a link, for the edge to the public; `ignore_sampling` keeps the parent and decides anew. A function of
      the scope or environment returns one of these for each connection.
    - capture_request_headers, capture_response_headers: names (regular expressions) of headers that become attributes;
      by default OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST and _RESPONSE. Values of secrets and of
      OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS are replaced by `[REDACTED]`.
    - response_headers: `traceresponse`, `server-timing`, `datadog` tell the caller the trace; none by default.
    - expose_to: origins whose scripts may read these headers and send the propagator's (CORS).
    - route: returns the template of the path from the scope or environment, for frameworks that are not known.
    - attribute_style: `current`, `old`, `dup` or `documents`; by default PYSPAN_SEMCONV, else
      OTEL_SEMCONV_STABILITY_OPT_IN.

    Raises:
        ConfigurationError: an argument or variable cannot be used.
    """

    __slots__ = ("_spans", "app")

    kind: ClassVar[str]

    def __init__(
        self,
        app: Application,
        *,
        tracer_provider: TracerProvider | None = None,
        propagator: TextMapPropagator | None = None,
        excluded: str | Collection[str] | None = None,
        inbound_context: str | Callable[[Connection], str] = "trust",
        capture_request_headers: Collection[str] | None = None,
        capture_response_headers: Collection[str] | None = None,
        response_headers: Collection[str] = (),
        expose_to: Collection[str] = (),
        route: Callable[[Connection], str | None] | None = None,
        attribute_style: str | None = None,
    ) -> None:
        settings = _settings.Settings(
            tracer_provider=tracer_provider,
            tracer_of=_settings.tracer_of(f"pyspan.instrument.{self.kind}"),
            propagator=propagator,
            inbound_context=_settings.trust(inbound_context),
            excluded=_settings.exclusion(self.kind, excluded),
            captured_request_header=capture("request", capture_request_headers, REQUEST_HEADERS),
            captured_response_header=capture("response", capture_response_headers, RESPONSE_HEADERS),
            response_headers=_settings.response_header_names(response_headers),
            expose_to=_settings.origins(expose_to),
            route=route,
            style=Style.chosen(attribute_style),
        )
        self.app = app
        self._spans = ServerSpans(settings)
