"""The trace on log records: `trace_id`, `span_id` and `service`, for `logging` and for structlog."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from opentelemetry import trace

__all__ = ["TraceFilter", "add_trace", "add_trace_for_datadog", "install", "uninstall"]

_before: list[Callable[..., logging.LogRecord]] = []


def install(*, datadog: bool = False) -> None:
    """Put `trace_id`, `span_id` and `service` on every record of `logging` from now on, for formats as `%(trace_id)s`.

    Outside a span the ids are empty. With `datadog` the fields are also there as Datadog calls them: `dd.trace_id` and
    `dd.span_id` (decimal, the lower 64 bits), `dd.service`, `dd.env`, `dd.version`. A second call changes nothing.
    """
    if _before:
        return
    make = logging.getLogRecordFactory()
    fields = _datadog_fields if datadog else _fields

    def factory(*args: Any, **options: Any) -> logging.LogRecord:
        record = make(*args, **options)
        record.__dict__.update(fields())
        return record

    _before.append(make)
    logging.setLogRecordFactory(factory)


def uninstall() -> None:
    """Make records as before `install`."""
    if _before:
        logging.setLogRecordFactory(_before.pop())


class TraceFilter(logging.Filter):
    """Puts the same on the records of one handler or logger; lets all of them pass."""

    def __init__(self, *, datadog: bool = False) -> None:
        super().__init__()
        self._fields = _datadog_fields if datadog else _fields

    def filter(self, record: logging.LogRecord) -> bool:
        record.__dict__.update(self._fields())
        return True


def add_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put the same into an event of structlog, as one of its processors; what the event says itself stays."""
    return _added(event, _fields())


def add_trace_for_datadog(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Do that with Datadog's fields, too."""
    return _added(event, _datadog_fields())


def _added(event: MutableMapping[str, Any], fields: Mapping[str, str]) -> MutableMapping[str, Any]:
    for key, value in fields.items():
        if value:
            event.setdefault(key, value)
    return event


def _fields() -> dict[str, str]:
    span = trace.get_current_span()
    context = span.get_span_context()
    service = _text(_resource(span), "service.name")
    if not context.is_valid:
        return {"trace_id": "", "span_id": "", "service": service}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}", "service": service}


def _datadog_fields() -> dict[str, str]:
    fields = _fields()
    span = trace.get_current_span()
    context, resource = span.get_span_context(), _resource(span)
    env = _text(resource, "deployment.environment.name") or _text(resource, "deployment.environment")
    return {
        **fields,
        "dd.trace_id": str(context.trace_id & 0xFFFF_FFFF_FFFF_FFFF) if context.is_valid else "0",
        "dd.span_id": str(context.span_id) if context.is_valid else "0",
        "dd.service": fields["service"],
        "dd.env": env,
        "dd.version": _text(resource, "service.version"),
    }


def _resource(span: Any) -> Mapping[str, Any]:
    """Return the attributes of the span's resource; without a span those of the global provider's."""
    resource = getattr(span, "resource", None) or getattr(trace.get_tracer_provider(), "resource", None)
    return getattr(resource, "attributes", {})


def _text(attributes: Mapping[str, Any], key: str) -> str:
    return str(attributes.get(key) or "")
