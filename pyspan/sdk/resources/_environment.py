"""Detectors that always run: what the environment says, and an id of this instance."""

from __future__ import annotations

import logging
import os
from urllib.parse import unquote

from pyspan.sdk._environment import OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME
from pyspan.sdk.resources._detector import ResourceDetector
from pyspan.sdk.resources._names import SERVICE_INSTANCE_ID, SERVICE_NAME
from pyspan.sdk.resources._resource import Resource

__all__ = ["OTELResourceDetector", "ServiceInstanceIdResourceDetector"]

logger = logging.getLogger(__name__)


class OTELResourceDetector(ResourceDetector):
    """Reads `key=value,key=value` with percent-encoded values, and the service name, which wins."""

    def detect(self) -> Resource:
        items = os.environ.get(OTEL_RESOURCE_ATTRIBUTES, "").split(",")
        found = dict(pair for item in items if (pair := _pair(item)) is not None)
        if service_name := os.environ.get(OTEL_SERVICE_NAME):
            found[SERVICE_NAME] = service_name
        return Resource(found)


class ServiceInstanceIdResourceDetector(ResourceDetector):
    """Gives `service.instance.id`: a random UUID, the same for all of a process, another one in a forked child."""

    def is_process_dependent(self) -> bool:
        return True

    def detect(self) -> Resource:
        return Resource({SERVICE_INSTANCE_ID: _instance_id()})


def _pair(item: str) -> tuple[str, str] | None:
    key, equals, value = item.partition("=")
    if not equals:
        if item.strip():
            logger.warning("Invalid key value resource attribute pair %s: it has no '='", item)
        return None
    return key.strip(), unquote(value.strip())


# One entry a process: its id by its process id.
_instance_ids: dict[int, str] = {}


def _instance_id() -> str:
    known = _instance_ids.get(os.getpid())
    return known or _instance_ids.setdefault(os.getpid(), _random_uuid())


def _random_uuid() -> str:
    """Return a version 4 UUID (RFC 9562, section 5.4); the module uuid costs 4 ms to import."""
    number = int.from_bytes(os.urandom(16), "big")
    number = number & ~(0xF << 76) | 0x4 << 76
    digits = f"{number & ~(0x3 << 62) | 0x2 << 62:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
