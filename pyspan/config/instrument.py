"""What the variables of `pyspan.instrument` say: attribute keys, URLs left out, headers that are captured."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from pyspan.config.environ import first, unusable
from pyspan.config.setting import DEFAULT, Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = [
    "BOTH",
    "CLIENT",
    "CURRENT",
    "DOCUMENTS",
    "OLD",
    "SERVER",
    "VARIABLES",
    "any_name",
    "any_part",
    "captured_headers",
    "excluded_urls",
    "instrument_settings",
    "sanitized_headers",
    "style_name",
]

PYSPAN_SEMCONV = "PYSPAN_SEMCONV"
OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"
CURRENT, OLD, BOTH, DOCUMENTS = STYLES = ("current", "old", "dup", "documents")

EXCLUDED = "OTEL_PYTHON_EXCLUDED_URLS"
KINDS = ("ASGI", "WSGI", "HTTPX", "REQUESTS", "AIOHTTP_CLIENT")

HEADERS = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"
SERVER = (f"{HEADERS}SERVER_REQUEST", f"{HEADERS}SERVER_RESPONSE")
CLIENT = (f"{HEADERS}CLIENT_REQUEST", f"{HEADERS}CLIENT_RESPONSE")
SANITIZED = f"{HEADERS}SANITIZE_FIELDS"
EVERY_NAME = ".*"
ACCEPTED = "regular expressions parted by commas"


def _of_kind(kind: str) -> str:
    return f"OTEL_PYTHON_{kind.upper()}_EXCLUDED_URLS"


VARIABLES = (PYSPAN_SEMCONV, OPT_IN, EXCLUDED, *map(_of_kind, KINDS), *SERVER, *CLIENT, SANITIZED)


class _Read(NamedTuple):
    """Expressions, and the variable that has them."""

    expressions: tuple[str, ...]
    source: str = DEFAULT


def instrument_settings(environ: Mapping[str, str]) -> Iterator[Setting]:
    """Return what holds for the middlewares and hooks that code does not tell otherwise."""
    yield _style(environ)
    for name, read in (
        *((_of_kind(kind), _excluded(environ, kind)) for kind in KINDS),
        *((variable, _captured(environ, variable)) for variable in (*SERVER, *CLIENT)),
        (SANITIZED, _sanitized(environ)),
    ):
        yield Setting(name, ",".join(read.expressions), read.source)


def style_name(environ: Mapping[str, str]) -> str:
    """Return which keys are written, one of STYLES: by PYSPAN_SEMCONV, else by OTEL_SEMCONV_STABILITY_OPT_IN."""
    return str(_style(environ).value)


def excluded_urls(environ: Mapping[str, str], kind: str) -> tuple[str, ...]:
    """Return the expressions for URLs without a span; the variable of this kind hides the one for all."""
    return _excluded(environ, kind).expressions


def captured_headers(environ: Mapping[str, str], variable: str) -> tuple[str, ...]:
    """Return the expressions for names of headers that become attributes."""
    return _captured(environ, variable).expressions


def sanitized_headers(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the expressions for names of headers that lose their values; where they cannot be used, all do."""
    return _sanitized(environ).expressions


def any_part(expressions: Iterable[str]) -> re.Pattern[str]:
    """Compile what finds one of these in a text."""
    return re.compile("|".join(expressions))


def any_name(expressions: Iterable[str]) -> re.Pattern[str]:
    """Compile what matches one of these, without case."""
    return re.compile("|".join(f"(?:{expression})" for expression in expressions), re.IGNORECASE)


def _style(environ: Mapping[str, str]) -> Setting:
    named = first(environ, PYSPAN_SEMCONV)
    if named is not None:
        if named[1] in STYLES:
            return Setting(PYSPAN_SEMCONV, named[1], named[0])
        return Setting(PYSPAN_SEMCONV, unusable(*named, f"one of {', '.join(STYLES)}", CURRENT))
    words = {word.strip().lower() for word in environ.get(OPT_IN, "").split(",")}
    if "http/dup" in words:
        return Setting(PYSPAN_SEMCONV, BOTH, OPT_IN)
    return Setting(PYSPAN_SEMCONV, CURRENT, OPT_IN if "http" in words else DEFAULT)


def _excluded(environ: Mapping[str, str], kind: str) -> _Read:
    return _read(environ, (_of_kind(kind), EXCLUDED), any_part)


def _captured(environ: Mapping[str, str], variable: str) -> _Read:
    return _read(environ, (variable,), any_name)


def _sanitized(environ: Mapping[str, str]) -> _Read:
    return _read(environ, (SANITIZED,), any_name, instead=(EVERY_NAME,))


def _read(
    environ: Mapping[str, str],
    variables: tuple[str, ...],
    compiled: Callable[[Iterable[str]], object],
    instead: tuple[str, ...] = (),
) -> _Read:
    """Read the first variable that is there, also an empty one: it may be what hides the other."""
    found = next((variable for variable in variables if variable in environ), None)
    if found is None:
        return _Read(())
    text = environ[found]
    expressions = tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        compiled(expressions)
    except (re.error, OverflowError, RecursionError):
        return _Read(unusable(found, text, ACCEPTED, instead, shown=",".join(instead) or "none"))
    return _Read(expressions, found)
