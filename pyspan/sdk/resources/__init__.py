"""What produces the spans, and who finds that out; mirrors `opentelemetry.sdk.resources`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.util.types import Attributes
from opentelemetry.util.types import AttributeValue as LabelValue

from pyspan._core import VERSION as _OPENTELEMETRY_SDK_VERSION
from pyspan.config.names import OTEL_EXPERIMENTAL_RESOURCE_DETECTORS, OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME
from pyspan.sdk.resources import _names
from pyspan.sdk.resources._aggregate import get_aggregated_resources
from pyspan.sdk.resources._aggregate import process_dependent_resource as _get_process_dependent_resource
from pyspan.sdk.resources._detector import ResourceDetector
from pyspan.sdk.resources._environment import OTELResourceDetector, ServiceInstanceIdResourceDetector
from pyspan.sdk.resources._names import *  # noqa: F403 - some sixty constants, listed there
from pyspan.sdk.resources._resource import DEFAULT as _DEFAULT_RESOURCE
from pyspan.sdk.resources._resource import EMPTY as _EMPTY_RESOURCE
from pyspan.sdk.resources._resource import Resource

if TYPE_CHECKING:
    from pyspan.sdk.resources._process import (
        ContainerResourceDetector,
        OsResourceDetector,
        ProcessResourceDetector,
        _HostResourceDetector,
    )

__all__ = [
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_SERVICE_NAME",
    "_DEFAULT_RESOURCE",
    "_EMPTY_RESOURCE",
    "_OPENTELEMETRY_SDK_VERSION",
    "Attributes",
    "ContainerResourceDetector",
    "LabelValue",
    "OTELResourceDetector",
    "OsResourceDetector",
    "ProcessResourceDetector",
    "Resource",
    "ResourceDetector",
    "ServiceInstanceIdResourceDetector",
    "_HostResourceDetector",
    "_get_process_dependent_resource",
    "get_aggregated_resources",
]
__all__ += _names.__all__

_ON_DEMAND = ("ContainerResourceDetector", "OsResourceDetector", "ProcessResourceDetector", "_HostResourceDetector")


def __getattr__(name: str) -> Any:
    """Import the detectors that only their name switches on when somebody asks for them."""
    if name in _ON_DEMAND:
        from pyspan.sdk.resources import _process

        return getattr(_process, name)
    if name in ("_BSD_KENV_COMMAND", "_LINUX_MACHINE_ID_PATHS"):
        from pyspan.sdk.resources import _machine_id

        return getattr(_machine_id, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
