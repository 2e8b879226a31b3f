"""Which detectors run, and how their findings come together."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pyspan._printable import described
from pyspan.config.environ import listing, problem, unusable
from pyspan.config.names import OTEL_EXPERIMENTAL_RESOURCE_DETECTORS
from pyspan.sdk.resources._environment import OTELResourceDetector, ServiceInstanceIdResourceDetector
from pyspan.sdk.resources._resource import EMPTY, Resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspan.sdk.resources._detector import ResourceDetector

__all__ = [
    "configured_detectors",
    "configured_names",
    "detector_names",
    "get_aggregated_resources",
    "listed_names",
    "load_detector",
    "process_dependent_resource",
]

logger = logging.getLogger(__name__)

GROUP = "opentelemetry_resource_detector"
ALWAYS: dict[str, type[ResourceDetector]] = {
    "service_instance": ServiceInstanceIdResourceDetector,
    "otel": OTELResourceDetector,
}
ON_DEMAND = {
    "process": "ProcessResourceDetector",
    "os": "OsResourceDetector",
    "host": "_HostResourceDetector",
    "container": "ContainerResourceDetector",
}


def configured_detectors() -> list[ResourceDetector]:
    """Return the detectors in the order of merging: the instance id, those of the environment's list, OTEL_* variables.

    A detector that cannot be loaded is logged and left out.
    """
    names = configured_names(listed_names())
    return [detector for name in names if (detector := load_detector(name)) is not None]


def configured_names(listed: Sequence[str]) -> list[str]:
    """Return the names of all that run where these are listed."""
    first = [] if "service_instance" in listed else ["service_instance"]
    return _expand(list(dict.fromkeys([*first, *listed, "otel"])))


def listed_names() -> list[str]:
    """Return the names of the environment's list that somebody has a detector for; the others are warned about."""
    text = os.environ.get(OTEL_EXPERIMENTAL_RESOURCE_DETECTORS, "")
    listed = dict.fromkeys(name.strip() for name in text.split(",") if name.strip())
    known = {*detector_names(), "*"} if listed else set()
    unknown = [name for name in listed if name not in known]
    if unknown:
        accepted = f"names that packages register under {GROUP}"
        unusable(OTEL_EXPERIMENTAL_RESOURCE_DETECTORS, text, accepted, None, shown=f"without {listing(unknown)}")
    return [name for name in listed if name in known]


def detector_names() -> set[str]:
    """Return the names of ours and of those that packages register."""
    from importlib.metadata import entry_points

    return {entry.name for entry in entry_points(group=GROUP)} | set(ALWAYS) | set(ON_DEMAND)


def process_dependent_resource(detectors: Sequence[ResourceDetector] | None = None) -> Resource:
    """Detect anew what differs in a forked child; in the calling thread, since a child has no other.

    Without `detectors` those of the environment do.
    """
    resource = EMPTY
    for detector in configured_detectors() if detectors is None else detectors:
        if detector.is_process_dependent():
            resource = resource.merge(_Detection(detector).here().result)
    return resource


def get_aggregated_resources(
    detectors: Sequence[ResourceDetector],
    initial_resource: Resource | None = None,
    timeout: int = 5,
) -> Resource:
    """Merge into `initial_resource` what the detectors find, in their order, the later one winning.

    Ours answer at once; others run side by side in threads, and one that is not done in `timeout` seconds is skipped.

    Raises:
        ConfigurationError: one of them is no detector.
        Exception: what a detector with `raise_on_error` raised; TimeoutError where it took too long.
    """
    resource = initial_resource or Resource.create()
    detections = [_Detection(detector) for detector in detectors]
    foreign = [detection for detection in detections if not detection.is_own]
    for detection in foreign:
        detection.start()
    deadline = time.monotonic() + timeout
    for detection in detections:
        found = detection.here() if detection.is_own else detection.wait(deadline, timeout)
        resource = resource.merge(found.result)
    return resource


class _Detection:
    """One call of a detector and what came of it."""

    def __init__(self, detector: ResourceDetector) -> None:
        if not callable(getattr(detector, "detect", None)):
            raise problem("detectors", detector, "give ResourceDetectors", "get_aggregated_resources()")
        self._detector = detector
        self._thread = threading.Thread(target=self._detect_aside, name="pyspan-detector", daemon=True)
        self._error: BaseException | None = None
        self.result: Resource = EMPTY
        self.is_own = type(detector).__module__.startswith("pyspan.")

    def here(self) -> _Detection:
        self._detect()
        return self._report()

    def start(self) -> None:
        self._thread.start()

    def wait(self, deadline: float, timeout: float) -> _Detection:
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            self._error = TimeoutError(f"{self._detector} took longer than {timeout} seconds")
        return self._report()

    def _detect(self) -> None:
        try:
            self.result = _checked(self._detector.detect())
        except Exception as error:  # noqa: BLE001 - detectors are anybody's code, and tracing goes on without them
            self._error = error

    def _detect_aside(self) -> None:
        try:
            self._detect()
        except BaseException as error:  # noqa: BLE001 - in a thread of ours it is nobody else's
            self._error = error

    def _report(self) -> _Detection:
        if self._error is not None:
            if self._detector.raise_on_error:
                raise self._error
            logger.warning("Exception %s in detector %s, ignoring", described(self._error), described(self._detector))
        return self


def _checked(found: object) -> Resource:
    """Return what a detector found, a resource of ours or the SDK's; another type is its error."""
    if isinstance(getattr(found, "attributes", None), Mapping):
        return found  # type: ignore[return-value]  # all that is read of it
    raise TypeError(f"detect() returned {described(found)}, which is no Resource")


def _expand(names: list[str]) -> list[str]:
    """Put every registered detector that is not named itself in the place of `*`."""
    if "*" not in names:
        return names
    place = names.index("*")
    return [*names[:place], *sorted(detector_names() - set(names)), *names[place + 1 :]]


def load_detector(name: str) -> ResourceDetector | None:
    """Make the detector of a name; None, with a log line, where that fails."""
    try:
        if name in ON_DEMAND:
            return _load_own(name)
        return ALWAYS[name]() if name in ALWAYS else _load_foreign(name)
    except Exception:  # anybody's code
        logger.exception("Failed to load resource detector '%s', skipping", name)
        return None


def _load_own(name: str) -> ResourceDetector:
    from pyspan.sdk.resources import _process

    detector: ResourceDetector = getattr(_process, ON_DEMAND[name])()
    return detector


def _load_foreign(name: str) -> ResourceDetector:
    from importlib.metadata import entry_points

    entry = next(iter(entry_points(group=GROUP, name=name)))
    detector: ResourceDetector = entry.load()()
    return detector
