"""Detectors that always run: what the environment says, and an id of this instance."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

from pyspan.config.environ import listing, unusable
from pyspan.config.names import OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME
from pyspan.sdk.resources._detector import ResourceDetector
from pyspan.sdk.resources._names import SERVICE_INSTANCE_ID, SERVICE_NAME
from pyspan.sdk.resources._resource import Resource

__all__ = ["OTELResourceDetector", "ServiceInstanceIdResourceDetector"]

BROKEN_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


class OTELResourceDetector(ResourceDetector):
    """Reads `key=value,key=value` with percent-encoded values, and the service name, which wins."""

    def detect(self) -> Resource:
        found = _attributes(os.environ.get(OTEL_RESOURCE_ATTRIBUTES, ""))
        if service_name := os.environ.get(OTEL_SERVICE_NAME):
            found[SERVICE_NAME] = service_name
        return Resource(found)


class ServiceInstanceIdResourceDetector(ResourceDetector):
    """Gives `service.instance.id`: a random UUID, the same for all of a process, another one in a forked child."""

    def is_process_dependent(self) -> bool:
        return True

    def detect(self) -> Resource:
        return Resource({SERVICE_INSTANCE_ID: _instance_id()})


def _attributes(text: str) -> dict[str, str]:
    """Leave out what is no pair, and keep a value that is wrongly encoded as it stands, like the SDK, but say so."""
    items = [item.strip() for item in text.split(",") if item.strip()]
    parted = (item.partition("=") for item in items)
    pairs = {key.strip(): value.strip() for key, equals, value in parted if equals and key.strip()}
    wrong = [item for item in items if not item.partition("=")[0].strip() or "=" not in item or not _is_encoded(item)]
    if wrong:
        accepted = f"key=value,key=value with values percent-encoded, unlike {listing(wrong)}"
        unusable(OTEL_RESOURCE_ATTRIBUTES, text, accepted, None, shown="without what is no pair, the rest as it stands")
    return {key: unquote(value) if _is_encoded(value) else value for key, value in pairs.items()}


def _is_encoded(value: str) -> bool:
    try:
        unquote(value, errors="strict")
    except UnicodeDecodeError:
        return False
    return BROKEN_PERCENT.search(value) is None


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
