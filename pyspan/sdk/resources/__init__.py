"""What produces the spans, and who finds that out; mirrors `opentelemetry.sdk.resources`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.util.types import Attributes

from pyspan.sdk.resources import _names
from pyspan.sdk.resources._aggregate import get_aggregated_resources
from pyspan.sdk.resources._detector import ResourceDetector
from pyspan.sdk.resources._environment import OTELResourceDetector, ServiceInstanceIdResourceDetector
from pyspan.sdk.resources._names import *  # noqa: F403 - some sixty constants, listed there
from pyspan.sdk.resources._resource import Resource

if TYPE_CHECKING:
    from pyspan.sdk.resources._process import OsResourceDetector, ProcessResourceDetector, _HostResourceDetector

__all__ = [
    "Attributes",
    "OTELResourceDetector",
    "OsResourceDetector",
    "ProcessResourceDetector",
    "Resource",
    "ResourceDetector",
    "ServiceInstanceIdResourceDetector",
    "_HostResourceDetector",
    "get_aggregated_resources",
]
__all__ += _names.__all__


def __getattr__(name: str) -> Any:
    """Import the detectors that only their name switches on when somebody asks for them."""
    if name in ("OsResourceDetector", "ProcessResourceDetector", "_HostResourceDetector"):
        from pyspan.sdk.resources import _process

        return getattr(_process, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
