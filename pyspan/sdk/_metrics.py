"""Self-telemetry: what is counted anyway, as metrics by OpenTelemetry's conventions (semconv otel/sdk-metrics).

The instruments are observable: a meter provider that collects reads the counts. Only the time of an export is recorded
as it happens, once a batch.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pyspan import _core
from pyspan.config.environ import flag
from pyspan.config.names import OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED
from pyspan.sdk.trace._fork import in_forked_child

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation

__all__ = ["Measured", "Point", "Record", "record_nothing", "report"]

logger = logging.getLogger(__name__)

COUNTERS = {
    "otel.sdk.span.started": "Spans that were started.",
    "otel.sdk.processor.span.processed": "Spans that a processor is done with.",
    "otel.sdk.exporter.span.exported": "Spans whose export has come to an end.",
    "otel.spans.created": "Spans that were started: another name of otel.sdk.span.started.",
    "otel.sampling.decisions": "Spans that were started, by what the sampler said.",
    "otel.exporter.failures": "Spans whose export has failed: otel.sdk.exporter.span.exported with an error.type.",
}
UP_DOWN_COUNTERS = {
    "otel.sdk.span.live": "Recording spans that are open.",
    "otel.sdk.processor.span.queue.size": "Spans in the queue of a processor.",
    "otel.sdk.processor.span.queue.capacity": "Spans that the queue of a processor can hold.",
    "otel.sdk.exporter.span.inflight": "Spans that an exporter has been given and is not done with.",
}
DURATION = "otel.sdk.exporter.operation.duration"


Record = Callable[[float, Mapping[str, "str | int"]], None]
"""Takes the seconds of an export, with attributes."""


class Point(NamedTuple):
    """A number of a metric, with its attributes."""

    metric: str
    value: int
    attributes: Mapping[str, str | int]


class Measured(Protocol):
    """What has counts to report."""

    def _points(self) -> Iterable[Point]: ...


def report(measured: Measured, meter_provider: MeterProvider | None = None) -> Record:
    """Have the counts of `measured` read by a meter provider, by default the global one, also if it is set later.

    Return what takes the seconds of exports. What the meter provider raises is logged and goes no further.
    """
    if flag(os.environ, OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED) is False:
        return record_nothing
    try:
        return _registry.find(meter_provider).add(measured)
    except Exception:  # anybody's code
        logger.exception("The meter provider failed; pyspan reports no metrics to it.")
        return record_nothing


def record_nothing(seconds: float, attributes: Mapping[str, str | int]) -> None:
    """Stand for a `Record` where nobody asks."""


class _Registry:
    """The instruments of each meter provider: a second set by the same names would not be read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: list[tuple[Callable[[], object], _Instruments]] = []
        in_forked_child(self, _Registry._renew_lock)

    def find(self, meter_provider: MeterProvider | None) -> _Instruments:
        """Return the instruments of a provider, made now if need be."""
        from opentelemetry.metrics import get_meter_provider

        provider = meter_provider if meter_provider is not None else get_meter_provider()
        with self._lock:
            self._known = [known for known in self._known if known[0]() is not None]
            for reference, instruments in self._known:
                if reference() is provider:
                    return instruments
            instruments = _Instruments(provider.get_meter("pyspan", _core.VERSION))
            self._known.append((_reference(provider), instruments))
            return instruments

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()


def _reference(provider: MeterProvider) -> Callable[[], object]:
    try:
        return weakref.ref(provider)
    except TypeError:
        return lambda: provider


class _Instruments:
    """One instrument a metric, which adds up what is reported with the same attributes."""

    def __init__(self, meter: Meter) -> None:
        self._measured: list[weakref.ref[Measured]] = []
        for name, description in COUNTERS.items():
            meter.create_observable_counter(name, [partial(self._observe, name)], "{span}", description)
        for name, description in UP_DOWN_COUNTERS.items():
            meter.create_observable_up_down_counter(name, [partial(self._observe, name)], "{span}", description)
        self._duration = meter.create_histogram(
            DURATION, "s", "Time that the export of a batch takes, with its retries."
        )
        self._has_failed = False

    def add(self, measured: Measured) -> Record:
        self._measured.append(weakref.ref(measured, self._measured.remove))
        return self._record

    def _observe(self, name: str, _: CallbackOptions) -> Iterable[Observation]:
        from opentelemetry.metrics import Observation

        totals: Counter[tuple[tuple[str, str | int], ...]] = Counter()
        for reference in self._measured.copy():
            measured = reference()
            for point in measured._points() if measured is not None else ():
                if point.metric == name:
                    totals[tuple(point.attributes.items())] += point.value
        return [Observation(total, dict(attributes)) for attributes, total in totals.items()]

    def _record(self, seconds: float, attributes: Mapping[str, str | int]) -> None:
        try:
            self._duration.record(seconds, attributes)
        except Exception:  # anybody's code
            if not self._has_failed:
                self._has_failed = True
                logger.exception("The meter provider failed to record a duration; it is told so once.")


_registry = _Registry()
