"""One comparable form of a span with all it belongs to, from protobuf, from OTLP/JSON and from a readable span."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

__all__ = ["Canonical", "from_json", "from_proto", "proto_value", "python_value"]

Canonical = dict[str, Any]
"""Every field by its name in the protocol; a value is (type, value), so that 1, 1.0 and True differ."""


def from_proto(request: ExportTraceServiceRequest) -> Iterator[Canonical]:
    """Read every span of a request through the published schema."""
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            around = _around_proto(resource_spans, scope_spans)
            for span in scope_spans.spans:
                yield around | _span_proto(span)


def _around_proto(resource_spans: Any, scope_spans: Any) -> Canonical:
    return {
        "resource": _pairs_proto(resource_spans.resource.attributes),
        "resource_dropped": resource_spans.resource.dropped_attributes_count,
        "resource_schema_url": resource_spans.schema_url,
        "scope": (scope_spans.scope.name, scope_spans.scope.version),
        "scope_attributes": _pairs_proto(scope_spans.scope.attributes),
        "scope_dropped": scope_spans.scope.dropped_attributes_count,
        "scope_schema_url": scope_spans.schema_url,
    }


def _span_proto(span: Any) -> Canonical:
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_span_id": span.parent_span_id.hex(),
        "trace_state": span.trace_state,
        "flags": span.flags,
        "name": span.name,
        "kind": span.kind,
        "start_ns": span.start_time_unix_nano,
        "end_ns": span.end_time_unix_nano,
        "attributes": _pairs_proto(span.attributes),
        "dropped": (span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count),
        "events": [_event_proto(event) for event in span.events],
        "links": [_link_proto(link) for link in span.links],
        "status": (span.status.code, span.status.message),
    }


def _event_proto(event: Any) -> Canonical:
    found = {"name": event.name, "time_ns": event.time_unix_nano, "dropped": event.dropped_attributes_count}
    return found | {"attributes": _pairs_proto(event.attributes)}


def _link_proto(link: Any) -> Canonical:
    ids = {"trace_id": link.trace_id.hex(), "span_id": link.span_id.hex(), "trace_state": link.trace_state}
    counts = {"flags": link.flags, "dropped": link.dropped_attributes_count}
    return ids | counts | {"attributes": _pairs_proto(link.attributes)}


def _pairs_proto(pairs: Iterable[Any]) -> Canonical:
    return {pair.key: proto_value(pair.value) for pair in pairs}


def proto_value(value: AnyValue) -> tuple[str, Any]:
    """Give an attribute value its type."""
    kind = value.WhichOneof("value")
    if kind is None:
        return ("empty", None)
    if kind == "array_value":
        return ("array", [proto_value(item) for item in value.array_value.values])
    if kind == "kvlist_value":
        return ("map", _pairs_proto(value.kvlist_value.values))
    return (kind.removesuffix("_value"), getattr(value, kind))


def from_json(line: bytes | str) -> Iterator[Canonical]:
    """Read every span of one line of OTLP/JSON."""
    for resource_spans in json.loads(line)["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            around = _around_json(resource_spans, scope_spans)
            for span in scope_spans["spans"]:
                yield around | _span_json(span)


def _around_json(resource_spans: Canonical, scope_spans: Canonical) -> Canonical:
    resource, scope = resource_spans.get("resource", {}), scope_spans.get("scope", {})
    return {
        "resource": _pairs_json(resource),
        "resource_dropped": resource.get("droppedAttributesCount", 0),
        "resource_schema_url": resource_spans.get("schemaUrl", ""),
        "scope": (scope.get("name", ""), scope.get("version", "")),
        "scope_attributes": _pairs_json(scope),
        "scope_dropped": scope.get("droppedAttributesCount", 0),
        "scope_schema_url": scope_spans.get("schemaUrl", ""),
    }


def _span_json(span: Canonical) -> Canonical:
    status = span.get("status", {})
    kinds = ("Attributes", "Events", "Links")
    return {
        "trace_id": span["traceId"],
        "span_id": span["spanId"],
        "parent_span_id": span.get("parentSpanId", ""),
        "trace_state": span.get("traceState", ""),
        "flags": span.get("flags", 0),
        "name": span["name"],
        "kind": span.get("kind", 0),
        "start_ns": int(span["startTimeUnixNano"]),
        "end_ns": int(span["endTimeUnixNano"]),
        "attributes": _pairs_json(span),
        "dropped": tuple(span.get(f"dropped{kind}Count", 0) for kind in kinds),
        "events": [_event_json(event) for event in span.get("events", ())],
        "links": [_link_json(link) for link in span.get("links", ())],
        "status": (status.get("code", 0), status.get("message", "")),
    }


def _event_json(event: Canonical) -> Canonical:
    found = {"name": event.get("name", ""), "time_ns": int(event["timeUnixNano"])}
    return found | {"dropped": event.get("droppedAttributesCount", 0), "attributes": _pairs_json(event)}


def _link_json(link: Canonical) -> Canonical:
    ids = {"trace_id": link["traceId"], "span_id": link["spanId"], "trace_state": link.get("traceState", "")}
    counts = {"flags": link.get("flags", 0), "dropped": link.get("droppedAttributesCount", 0)}
    return ids | counts | {"attributes": _pairs_json(link)}


def _pairs_json(owner: Canonical, key: str = "attributes") -> Canonical:
    return {pair["key"]: _json_value(pair.get("value", {})) for pair in owner.get(key, ())}


def _json_value(value: Canonical) -> tuple[str, Any]:
    for field, found in value.items():
        return _JSON_VALUES[field](found)
    return ("empty", None)


_JSON_VALUES: dict[str, Callable[[Any], tuple[str, Any]]] = {
    "stringValue": lambda text: ("string", text),
    "boolValue": lambda flag: ("bool", flag),
    "intValue": lambda number: ("int", int(number)),
    "doubleValue": lambda number: ("double", float(number)),
    "bytesValue": lambda text: ("bytes", base64.b64decode(text)),
    "arrayValue": lambda array: ("array", [_json_value(item) for item in array.get("values", ())]),
    "kvlistValue": lambda pairs: ("map", _pairs_json(pairs, "values")),
}


def python_value(value: object) -> tuple[str, Any]:
    """Give a value as it was set through the API the type it has in the protocol."""
    if value is None:
        return ("empty", None)
    for kind, name in ((bool, "bool"), (int, "int"), (float, "double"), (str, "string"), (bytes, "bytes")):
        if isinstance(value, kind):
            return (name, value)
    if isinstance(value, Mapping):
        return ("map", {key: python_value(item) for key, item in value.items()})
    assert isinstance(value, Sequence), value
    return ("array", [python_value(item) for item in value])
