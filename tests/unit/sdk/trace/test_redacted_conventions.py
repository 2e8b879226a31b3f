"""Keys of the semantic conventions beside redaction."""

from __future__ import annotations

import re
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import opentelemetry.semconv._incubating.attributes as experimental
import opentelemetry.semconv.attributes as stable

from pyspan.sdk.trace import SpanLimits, TracerProvider

KEY = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")


def keys() -> set[str]:
    """Return the values of all constants that look like keys."""
    names = [f"{of.__name__}.{found.name}" for of in (stable, experimental) for found in iter_modules(of.__path__)]
    constants = [value for name in names for value in vars(import_module(name)).values()]
    return {value for value in constants if isinstance(value, str) and KEY.fullmatch(value)}


def test_no_key_of_the_conventions_loses_its_value() -> None:
    told = {key: 17 if key.endswith("_tokens") else "a" for key in keys()}
    assert len(told) > 500
    limits = SpanLimits(max_span_attributes=len(told))
    tracer: Any = TracerProvider(shutdown_on_exit=False, span_limits=limits).get_tracer("test")
    assert dict(tracer.start_span("a", attributes=told).attributes) == told
