"""`Resource`: the entity that produces spans, as immutable attributes and a schema."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from opentelemetry.attributes import BoundedAttributes

from pyspan._core import VERSION
from pyspan.config.environ import problem
from pyspan.sdk.resources._names import (
    SERVICE_NAME,
    TELEMETRY_SDK_LANGUAGE,
    TELEMETRY_SDK_NAME,
    TELEMETRY_SDK_VERSION,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["Resource", "unknown_service"]

logger = logging.getLogger(__name__)


class Resource:
    """Attributes of a process, a container, a host; made by `create`, or by a detector through the constructor.

    Raises:
        ConfigurationError: `attributes` is no mapping.
    """

    def __init__(self, attributes: Mapping[str, Any], schema_url: str | None = None) -> None:
        if attributes and not callable(getattr(attributes, "items", None)):
            raise problem("attributes", attributes, "give a mapping of attributes by name", "Resource()")
        self._attributes = BoundedAttributes(attributes=attributes, immutable=True)
        self._schema_url = schema_url or ""

    @staticmethod
    def create(attributes: Mapping[str, Any] | None = None, schema_url: str | None = None) -> Resource:
        """Merge what the detectors find with `attributes`, which win; a service name is always set."""
        from pyspan.sdk.resources._aggregate import configured_detectors, get_aggregated_resources

        given = Resource(attributes or {}, schema_url)
        resource = get_aggregated_resources(configured_detectors(), DEFAULT).merge(given)
        if not resource.attributes.get(SERVICE_NAME):
            resource = resource.merge(Resource({SERVICE_NAME: unknown_service()}, schema_url))
        return resource

    @staticmethod
    def get_empty() -> Resource:
        """Return the resource without attributes."""
        return EMPTY

    @property
    def attributes(self) -> Mapping[str, Any]:
        return self._attributes

    @property
    def schema_url(self) -> str:
        return self._schema_url

    def merge(self, other: Resource) -> Resource:
        """Return a resource of both, where `other` wins; with schemas that differ, log it and return this one."""
        if self.schema_url and other.schema_url and self.schema_url != other.schema_url:
            message = "Failed to merge resources: The two schemas %s and %s are incompatible"
            logger.error(message, self.schema_url, other.schema_url)
            return self
        return Resource({**self.attributes, **other.attributes}, self.schema_url or other.schema_url)

    def to_json(self, indent: int | None = 4) -> str:
        """Return attributes and schema as a JSON object; bytes are written in hex."""
        import json

        fields = {"attributes": dict(self.attributes), "schema_url": self._schema_url}
        return json.dumps(fields, indent=indent, default=_as_text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Resource):
            return False
        return self._attributes == other._attributes and self._schema_url == other._schema_url

    def __hash__(self) -> int:
        import json

        return hash((json.dumps(dict(self._attributes), sort_keys=True, default=_as_text), self._schema_url))


def _as_text(value: object) -> str:
    return value.hex() if isinstance(value, (bytes, bytearray)) else str(value)


def unknown_service() -> str:
    """Return the name of a service that has none (resource semantic conventions)."""
    name = sys.executable.rpartition(os.sep)[2] if sys.executable else ""
    return f"unknown_service:{name}" if name else "unknown_service"


EMPTY = Resource({})
DEFAULT = Resource(
    {TELEMETRY_SDK_LANGUAGE: "python", TELEMETRY_SDK_NAME: "pyspan", TELEMETRY_SDK_VERSION: VERSION},
)
