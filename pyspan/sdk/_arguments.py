"""The types of what `configure()` is given, checked before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pyspan.config.environ import MOST, problem
from pyspan.sdk._context import PATTERNS, is_pattern
from pyspan.sdk._exporters import CONFIGURE
from pyspan.sdk.trace._limits import are_limits

if TYPE_CHECKING:
    from pyspan.sdk._settings import Settings

__all__ = ["check"]


def check(settings: Settings) -> None:
    """Look at every argument of `configure()` but `exporter`, whose items are judged where they are made.

    Raises:
        ConfigurationError: one has a type that cannot be used.
    """
    for name, (fits, accepted) in RULES.items():
        value = getattr(settings, name)
        if value is not None and not fits(value):
            raise problem(name, value, f"give {accepted}", CONFIGURE)
    if not _are_processors(settings.processors):
        fix = "give a list of SpanProcessors, with on_start, on_end, shutdown and force_flush"
        raise problem("processors", settings.processors, fix, CONFIGURE)


def _has(*methods: str) -> Callable[[object], bool]:
    """Ask whether an object has these methods: many implement a role without its base class, and pass a class."""
    return lambda value: not isinstance(value, type) and all(callable(getattr(value, name, None)) for name in methods)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_endpoint(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_sampler(value: object) -> bool:
    return isinstance(value, (int, float, str)) or _has("should_sample", "get_description")(value)


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= MOST


def _is_resource(value: object) -> bool:
    """Take the SDK's class of the same name too."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) for key in value)
    return isinstance(getattr(value, "attributes", None), Mapping) and _is_text(getattr(value, "schema_url", None))


def _are_processors(value: object) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        return False
    return all(map(_has("on_start", "on_end", "shutdown", "force_flush"), value))


def _are_patterns(value: object) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        return False
    return all(isinstance(item, str) and is_pattern(item) for item in value)


RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    "service_name": (_is_text, "text"),
    "endpoint": (_is_endpoint, "a URL, such as 'http://localhost:4318'"),
    "sampler": (_is_sampler, "a Sampler, a share of traces from 0 to 1, or a name as for OTEL_TRACES_SAMPLER"),
    "resource": (_is_resource, "a Resource, or a mapping of attributes by name"),
    "id_generator": (_has("generate_span_id", "generate_trace_id"), "an IdGenerator"),
    "propagate_threads": (lambda value: isinstance(value, bool), "True or False"),
    "baggage_attributes": (_are_patterns, PATTERNS),
    "export_open_spans_after": (_is_time, f"seconds above 0, {MOST} at most"),
    "redact": (lambda value: isinstance(value, bool), "True or False"),
    "span_limits": (are_limits, "a pyspan.sdk.trace.SpanLimits"),
}
