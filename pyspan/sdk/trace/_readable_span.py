"""`ReadableSpan`: a span to read, built by hand; the native span counts as one too."""

from __future__ import annotations

import abc
import warnings
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.trace import SpanKind, Status, StatusCode, format_span_id

from pyspan.sdk.resources import Resource
from pyspan.sdk.trace import _json
from pyspan.sdk.util import BoundedList

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.trace import Link, SpanContext
    from opentelemetry.util.types import Attributes

    from pyspan.sdk.trace._event import Event
    from pyspan.sdk.util.instrumentation import InstrumentationInfo, InstrumentationScope

__all__ = ["ReadableSpan"]


class ReadableSpan(metaclass=abc.ABCMeta):  # noqa: B024 - the native span is registered as one
    """The read-only face of a span, which tests and exporters build; times in nanoseconds since the epoch."""

    def __init__(
        self,
        name: str,
        context: SpanContext | None = None,
        parent: SpanContext | None = None,
        resource: Resource | None = None,
        attributes: Attributes = None,
        events: Sequence[Event] = (),
        links: Sequence[Link] = (),
        kind: SpanKind = SpanKind.INTERNAL,
        instrumentation_info: InstrumentationInfo | None = None,
        status: Status | None = None,
        start_time: int | None = None,
        end_time: int | None = None,
        instrumentation_scope: InstrumentationScope | None = None,
    ) -> None:
        self._name = name
        self._context = context
        self._parent = parent
        self._resource = Resource.create({}) if resource is None else resource
        self._attributes = attributes
        self._events = events
        self._links = links
        self._kind = kind
        self._instrumentation_info = instrumentation_info
        self._status = Status(StatusCode.UNSET) if status is None else status
        self._start_time = start_time
        self._end_time = end_time
        self._instrumentation_scope = instrumentation_scope

    @property
    def name(self) -> str:
        return self._name

    @property
    def context(self) -> SpanContext | None:
        return self._context

    def get_span_context(self) -> SpanContext | None:
        """Return the span's context."""
        return self._context

    @property
    def parent(self) -> SpanContext | None:
        return self._parent

    @property
    def kind(self) -> SpanKind:
        return self._kind

    @property
    def start_time(self) -> int | None:
        return self._start_time

    @property
    def end_time(self) -> int | None:
        return self._end_time

    @property
    def status(self) -> Status:
        return self._status

    @property
    def attributes(self) -> Mapping[str, Any]:
        return MappingProxyType(self._attributes or {})

    @property
    def events(self) -> Sequence[Event]:
        return tuple(self._events)

    @property
    def links(self) -> Sequence[Link]:
        return tuple(self._links)

    @property
    def resource(self) -> Resource:
        return self._resource

    @property
    def instrumentation_scope(self) -> InstrumentationScope | None:
        return self._instrumentation_scope

    @property
    def instrumentation_info(self) -> InstrumentationInfo | None:
        message = "You should use instrumentation_scope. Deprecated since version 1.11.1."
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return self._instrumentation_info

    @property
    def dropped_attributes(self) -> int:
        return self._attributes.dropped if isinstance(self._attributes, BoundedAttributes) else 0

    @property
    def dropped_events(self) -> int:
        return self._events.dropped if isinstance(self._events, BoundedList) else 0

    @property
    def dropped_links(self) -> int:
        return self._links.dropped if isinstance(self._links, BoundedList) else 0

    def to_json(self, indent: int | None = 4) -> str:
        """Return the span as a JSON object with hexadecimal ids and ISO times."""
        import json

        fields = {
            "name": self.name,
            "context": _json.format_context(self.context) if self.context else None,
            "kind": str(self.kind),
            "parent_id": f"0x{format_span_id(self.parent.span_id)}" if self.parent is not None else None,
            "start_time": _json.format_time(self.start_time),
            "end_time": _json.format_time(self.end_time),
            "status": _json.format_status(self.status),
            "attributes": _json.format_attributes(self._attributes),  # None where there are none, unlike in public
            "events": _json.format_events(self.events),
            "links": _json.format_links(self.links),
            "resource": json.loads(self.resource.to_json()),
        }
        return json.dumps(fields, indent=indent, default=_json.as_text)

    _format_context = staticmethod(_json.format_context)
    _format_attributes = staticmethod(_json.format_attributes)
    _format_events = staticmethod(_json.format_events)
    _format_links = staticmethod(_json.format_links)
