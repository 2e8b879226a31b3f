"""What the native span calls to show itself as OpenTelemetry's objects, when somebody reads it."""

from __future__ import annotations

import time
import traceback
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.trace import Link, SpanContext, Status, StatusCode

from pyspan.sdk.trace._config import _TracerConfig
from pyspan.sdk.trace._event import Event
from pyspan.sdk.trace._readable_span import ReadableSpan
from pyspan.sdk.util import BoundedList
from pyspan.sdk.util.instrumentation import InstrumentationInfo, InstrumentationScope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspan._core import Span

__all__ = [
    "event",
    "exception_attributes",
    "exception_description",
    "instrumentation_info",
    "link",
    "live_attributes",
    "open_snapshot",
    "snapshot",
    "status",
    "to_json",
    "tracer_config",
]

T = TypeVar("T")

# The attribute that says that a span has not ended: its end is the time at which it was looked at.
OPEN = "pyspan.span.open"

_CODES = (StatusCode.UNSET, StatusCode.OK, StatusCode.ERROR)

to_json = ReadableSpan.to_json  # the native span has all that it reads


def event(name: str, attributes: Mapping[str, Any], timestamp_ns: int, dropped: int) -> Event:
    """Build an event; its attributes are read-only and know how many were dropped."""
    return Event(name, _bounded(attributes, dropped), timestamp_ns)


def link(context: SpanContext, attributes: Mapping[str, Any], dropped: int) -> Link:
    """Build a link likewise."""
    return Link(context, _bounded(attributes, dropped))


def status(code: int, description: str | None) -> Status:
    """Build a status from OTLP's numbers: 0 unset, 1 ok, 2 error."""
    return Status(_CODES[code], description)


def instrumentation_info(scope: InstrumentationScope | None) -> InstrumentationInfo | None:
    """Return the scope in its older form, with the warning that reading it gives."""
    warnings.warn(
        "You should use instrumentation_scope. Deprecated since version 1.11.1.", DeprecationWarning, stacklevel=2
    )
    return InstrumentationInfo._of(scope)


def tracer_config(is_enabled: bool) -> _TracerConfig:
    """Return what holds for a tracer."""
    return _TracerConfig(is_enabled)


def live_attributes(span: Span) -> BoundedAttributes:
    """Return a span's attributes as a mapping that writes to the span, as processors that redact expect."""
    return _LiveAttributes(span)


class _LiveAttributes(BoundedAttributes):
    def __init__(self, span: Span) -> None:
        super().__init__(immutable=False)
        self._dict.update(span.attributes)
        self.dropped = span.dropped_attributes
        self._span = span

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        if key in self._dict:
            self._span._attributes = {**self._span.attributes, key: self._dict[key]}

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._span._attributes = {name: value for name, value in self._span.attributes.items() if name != key}


def snapshot(span: Span) -> ReadableSpan:
    """Copy what a span shows now; unlike the span, the copy can be changed by its private names, as the SDK's can."""
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_bounded(span.attributes, span.dropped_attributes, immutable=False),
        events=_bounded_list(span.events, span.dropped_events),
        links=_bounded_list(span.links, span.dropped_links),
        kind=span.kind,
        instrumentation_info=InstrumentationInfo._of(span.instrumentation_scope),
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def open_snapshot(span: Span, *, bare: bool) -> ReadableSpan:
    """Copy a span before its end, with the mark that says so; `bare` leaves out what processors may yet rewrite."""
    copy = snapshot(span)
    copy._end_time = max(time.time_ns(), span.start_time or 0)
    if bare:
        copy._events = copy._links = ()
        copy._status = Status(copy.status.status_code)
    copy._attributes = {**({} if bare else span.attributes), OPEN: True}
    return copy


def exception_attributes(exception: BaseException | None, escaped: bool) -> dict[str, Any]:
    """Describe an exception by the semantic conventions for exceptions in spans."""
    kind: Any = type(exception)
    qualified = kind.__module__ and kind.__module__ != "builtins"
    # Outside an exception `sys.exc_info()` gives None, which is recorded as the SDK does.
    came_by = None if exception is None else exception.__traceback__
    return {
        "exception.type": f"{kind.__module__}.{kind.__qualname__}" if qualified else kind.__qualname__,
        "exception.message": _text(exception),
        "exception.stacktrace": "".join(traceback.format_exception(kind, exception, came_by)),
        "exception.escaped": str(escaped),
    }


def exception_description(exception: BaseException) -> str:
    """Return what the status of a span says about the exception that left it."""
    return f"{type(exception).__name__}: {_text(exception)}"


def _text(exception: BaseException | None) -> str:
    try:
        return str(exception)
    except Exception as error:  # noqa: BLE001 - the text of an exception is anybody's code
        return f"<unprintable: {type(error).__name__}>"


def _bounded(attributes: Mapping[str, Any], dropped: int, immutable: bool = True) -> BoundedAttributes:
    bounded = BoundedAttributes(immutable=immutable)
    bounded._dict.update(attributes)  # they are clean; older versions of the API would clean bytes and maps away
    bounded.dropped = dropped
    return bounded


def _bounded_list(items: Sequence[T], dropped: int) -> BoundedList[T]:
    bounded = BoundedList.from_seq(None, items)
    bounded.dropped = dropped
    return bounded
