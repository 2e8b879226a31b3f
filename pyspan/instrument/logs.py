"""The trace on log records: `trace_id`, `span_id`, `service` and `request_id`, for `logging` and for structlog."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, MutableMapping
from typing import Any

from opentelemetry import trace

from pyspan.propagation.request_id import request_id
from pyspan.propagation.result import service_of

__all__ = ["TraceFilter", "add_trace", "add_trace_for_datadog", "install", "uninstall"]

logger = logging.getLogger(__name__)

FIELDS = ("trace_id", "span_id", "service", "request_id")
OF_DATADOG = ("dd.trace_id", "dd.span_id", "dd.service", "dd.env", "dd.version")

_before: list[Callable[[logging.Logger, logging.LogRecord], None]] = []
_faults: list[str] = []


def install(*, datadog: bool = False) -> None:
    """Put `trace_id`, `span_id`, `service` and `request_id` on every record that a logger handles from now on.

    Formats have them as `%(trace_id)s`. What a record has already, as by `extra={"service": "billing"}`, stays. Outside
    a span the ids are empty, and so is `request_id` where the propagator `x-request-id` has read none. With `datadog`
    the fields are also there as Datadog calls them: `dd.trace_id` and `dd.span_id` (decimal, the lower 64 bits),
    `dd.service`, `dd.env`, `dd.version`. A second call changes nothing.
    """
    if _before:
        return
    handle = logging.Logger.handle
    fields = _datadog_fields if datadog else _fields

    # Not the record factory: `logging` refuses an `extra` of a name that the factory has put on the record.
    @functools.wraps(handle)
    def handle_with_trace(self: logging.Logger, record: logging.LogRecord) -> None:
        _add(record.__dict__, fields())
        handle(self, record)

    _before.append(handle)
    logging.Logger.handle = handle_with_trace  # type: ignore[method-assign]


def uninstall() -> None:
    """Handle records as before `install`."""
    if _before:
        logging.Logger.handle = _before.pop()  # type: ignore[method-assign,assignment]


class TraceFilter(logging.Filter):
    """Puts the same on the records of one handler or logger; lets all of them pass."""

    def __init__(self, *, datadog: bool = False) -> None:
        super().__init__()
        self._fields = _datadog_fields if datadog else _fields

    def filter(self, record: logging.LogRecord) -> bool:
        _add(record.__dict__, self._fields())
        return True


def add_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put the same into an event of structlog, as one of its processors; what the event says itself stays."""
    return _add(event, {key: value for key, value in _fields().items() if value})


def add_trace_for_datadog(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Do that with Datadog's fields, too."""
    return _add(event, {key: value for key, value in _datadog_fields().items() if value})


def _add(record: MutableMapping[str, Any], fields: dict[str, str]) -> MutableMapping[str, Any]:
    for key, value in fields.items():
        record.setdefault(key, value)
    return record


def _spared(names: tuple[str, ...]) -> Callable[[Callable[[], dict[str, str]]], Callable[[], dict[str, str]]]:
    """Leave the fields empty where anybody's span raises: no log call does. It is said once, for this logs, too."""

    def decorate(fields: Callable[[], dict[str, str]]) -> Callable[[], dict[str, str]]:
        def spared() -> dict[str, str]:
            try:
                return fields()
            except Exception:
                if not _faults:
                    _faults.append("told")
                    logger.exception("the current span cannot be put on log records: their fields stay empty")
                return dict.fromkeys(names, "")

        return spared

    return decorate


@_spared(FIELDS)
def _fields() -> dict[str, str]:
    span = trace.get_current_span()
    context = span.get_span_context()
    return {
        "trace_id": f"{context.trace_id:032x}" if context.is_valid else "",
        "span_id": f"{context.span_id:016x}" if context.is_valid else "",
        "service": service_of(span)["service"],
        "request_id": request_id() or "",
    }


@_spared(FIELDS + OF_DATADOG)
def _datadog_fields() -> dict[str, str]:
    span = trace.get_current_span()
    context, service = span.get_span_context(), service_of(span)
    return {
        **_fields(),
        "dd.trace_id": str(context.trace_id & 0xFFFF_FFFF_FFFF_FFFF) if context.is_valid else "0",
        "dd.span_id": str(context.span_id) if context.is_valid else "0",
        "dd.service": service["service"],
        "dd.env": service["env"],
        "dd.version": service["version"],
    }
