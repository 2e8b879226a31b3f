"""The resource that a file describes: attributes, and detectors where it names some."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pyspan.sdk._file.patterns import read_patterns
from pyspan.sdk.resources import SERVICE_NAME, Resource, get_aggregated_resources
from pyspan.sdk.resources._aggregate import detector_names, load_detector, process_dependent_resource
from pyspan.sdk.resources._resource import DEFAULT, unknown_service

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyspan.config.file import Table
    from pyspan.sdk._file.patterns import Patterns
    from pyspan.sdk.resources._detector import ResourceDetector

__all__ = ["FileResource", "read_resource"]

Found = dict[str, Any]
TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "bool": (bool,), "int": (int,), "double": (float, int)}
ARRAY = "_array"
# The names of the format, and ours for the same.
DETECTORS = {
    "container": ("container",),
    "host": ("host", "os"),
    "process": ("process",),
    "service": ("service_instance",),
}


class FileResource:
    """What was read; detectors run when the resource is made."""

    def __init__(self, attributes: Found, schema_url: str | None, detectors: list[str], patterns: Patterns) -> None:
        self._attributes = attributes
        self._schema_url = schema_url
        self._detectors = detectors
        self._patterns = patterns

    def create(self, given: Mapping[str, Any]) -> Resource:
        """Merge what detectors find, what the file says, and what code gives, the later one winning."""
        found = self._chosen(get_aggregated_resources(self._loaded(), Resource.get_empty()))
        resource = DEFAULT.merge(found).merge(Resource({**self._attributes, **given}, self._schema_url))
        if resource.attributes.get(SERVICE_NAME):
            return resource
        return resource.merge(Resource({SERVICE_NAME: unknown_service()}))

    def renew(self, names: Collection[str]) -> Resource:
        """Detect anew for a forked child those of these attributes that detectors have found."""
        found = process_dependent_resource(self._loaded()).attributes
        return Resource({key: value for key, value in found.items() if key in names and key not in self._attributes})

    def _loaded(self) -> list[ResourceDetector]:
        return [each for each in map(load_detector, self._detectors) if each is not None]

    def _chosen(self, found: Resource) -> Resource:
        name = os.environ.get("OTEL_SERVICE_NAME", "")
        own = {SERVICE_NAME: name} if name and "service_instance" in self._detectors else {}
        kept = {key: value for key, value in {**found.attributes, **own}.items() if self._patterns.admit(key)}
        return Resource(kept, found.schema_url)


def read_resource(table: Table | None) -> FileResource:
    """Read the section; without it, the resource has the attributes of the SDK alone."""
    if table is None:
        return FileResource({}, None, [], read_patterns(None))
    attributes = {**_listed(table), **_attributes(table)}
    detection = table.table("detection/development")
    if detection is None:
        return FileResource(attributes, table.text("schema_url"), [], read_patterns(None))
    patterns = read_patterns(detection.table("attributes"))
    return FileResource(attributes, table.text("schema_url"), _detectors(detection), patterns)


def _listed(table: Table) -> Found:
    """Read `attributes_list`, written like OTEL_RESOURCE_ATTRIBUTES."""
    items = [item.strip() for item in (table.text("attributes_list") or "").split(",") if item.strip()]
    if any("=" not in item for item in items):
        table.fault("attributes_list", "write key=value,key=value with values percent-encoded")
    pairs = (item.partition("=") for item in items)
    return {key.strip(): unquote(value.strip()) for key, equals, value in pairs if equals}


def _attributes(table: Table) -> Found:
    found: Found = {}
    for entry in table.tables("attributes"):
        name, kind = entry.text("name"), entry.choice("type", [*TYPES, *(name + ARRAY for name in TYPES)]) or "string"
        entry.need("name")
        value = entry.ask("value")
        if name is None or value is None:
            continue
        if _fits(value, kind):
            found[name] = value
        else:
            entry.fault("value", f"its type is {kind}; put text in quotes, or name the type, such as type: int")
    return found


def _fits(value: object, kind: str) -> bool:
    if kind.endswith(ARRAY):
        return isinstance(value, list) and all(_fits(item, kind.removesuffix(ARRAY)) for item in value)
    return isinstance(value, TYPES[kind]) and (kind == "bool" or not isinstance(value, bool))


def _detectors(detection: Table) -> list[str]:
    names: list[str] = []
    known = detector_names()
    for entry in detection.tables("detectors"):
        found = entry.one(list(DETECTORS), sorted(known))
        if found is not None:
            names += DETECTORS.get(found[0], (found[0],))
    return list(dict.fromkeys(names))
