"""What a middleware was told, by its arguments and by the environment, as `pyspan._core.ServerSpans` reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspan._core import VERSION
from pyspan.config.instrument import any_part, excluded_urls
from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.trace import Tracer, TracerProvider

    from pyspan.instrument._headers import Capture
    from pyspan.instrument._style import Style

__all__ = ["Connection", "Settings", "exclusion", "origins", "response_header_names", "tracer_of", "trust"]

# An ASGI scope or a WSGI environment.
Connection = Mapping[str, Any]

TRUST = ("trust", "link", "ignore_sampling")
RESPONSE_HEADERS = ("traceresponse", "server-timing", "datadog")
SCHEMA_URL = "https://opentelemetry.io/schemas/1.37.0"


@dataclass(frozen=True)
class Settings:
    """All that a middleware needs, checked."""

    tracer_provider: TracerProvider | None
    tracer_of: Callable[[TracerProvider], Tracer]
    propagator: TextMapPropagator | None
    inbound_context: str | Callable[[Connection], str]
    excluded: Callable[[str], object] | None
    captured_request_header: Capture | None
    captured_response_header: Capture | None
    response_headers: set[str]
    expose_to: set[str]
    route: Callable[[Connection], str | None] | None
    style: Style


def tracer_of(scope: str) -> Callable[[TracerProvider], Tracer]:
    """Return what gives the tracer of this scope by any provider."""
    return lambda provider: provider.get_tracer(scope, VERSION, schema_url=SCHEMA_URL)


def trust(given: str | Callable[[Connection], str]) -> str | Callable[[Connection], str]:
    """Check `inbound_context`."""
    if callable(given) or given in TRUST:
        return given
    raise ConfigurationError(f"inbound_context={given!r} cannot be used: give {', '.join(TRUST)} or a function")


def exclusion(kind: str, given: str | Collection[str] | None) -> Callable[[str], object] | None:
    """Return the search for URLs that are left out: regular expressions, in a text parted by commas.

    Not given, those of OTEL_PYTHON_{KIND}_EXCLUDED_URLS, else of OTEL_PYTHON_EXCLUDED_URLS.
    """
    if given is None:
        given = excluded_urls(os.environ, kind)
    patterns = given.split(",") if isinstance(given, str) else _texts("excluded", given)
    patterns = [pattern.strip() for pattern in patterns if pattern.strip()]
    try:
        return any_part(patterns).search if patterns else None
    except re.error as error:
        fix = "give regular expressions, as a list or parted by commas"
        raise ConfigurationError(f"excluded URLs {patterns!r} cannot be used: {error}; {fix}") from None


def response_header_names(given: Collection[str]) -> set[str]:
    """Check `response_headers`."""
    named = {name.lower() for name in _texts("response_headers", given)}
    for name in sorted(named.difference(RESPONSE_HEADERS)):
        fix = f"give some of {', '.join(RESPONSE_HEADERS)}"
        raise ConfigurationError(f"response_headers: {name!r} cannot be used: {fix}")
    return named


def origins(given: Collection[str]) -> set[str]:
    """Check `expose_to`."""
    found = set(_texts("expose_to", given))
    for origin in sorted(found):
        if not re.fullmatch(r"https?://[^/\s]+", origin):
            raise ConfigurationError(f"expose_to: {origin!r} is no origin: give https://shop.example, without a path")
    return found


def _texts(argument: str, given: Collection[str]) -> list[str]:
    if isinstance(given, str) or not all(isinstance(text, str) for text in given):
        raise ConfigurationError(f"{argument}={given!r} cannot be used: give a list of texts")
    return list(given)
