"""The sampler that a file describes: a tree, whose leaves decide; made once the resource is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pyspan.errors import ConfigurationError
from pyspan.sdk._file.composable import read_composable
from pyspan.sdk.resources import SERVICE_NAME, Resource
from pyspan.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    AlwaysRecordSampler,
    ParentBased,
    ProbabilitySampler,
    Sampler,
    TraceIdRatioBased,
    composite_sampler,
)

if TYPE_CHECKING:
    from pyspan.config.file import Table

__all__ = ["MakeSampler", "read_sampler"]

MakeSampler = Callable[[Resource], Sampler]
ANY = Resource({SERVICE_NAME: "unknown_service"})
INTERVAL_MS, LONGEST_INTERVAL_MS = 60_000, 86_400_000
PARENTS = {
    "root": ALWAYS_ON,
    "remote_parent_sampled": ALWAYS_ON,
    "remote_parent_not_sampled": ALWAYS_OFF,
    "local_parent_sampled": ALWAYS_ON,
    "local_parent_not_sampled": ALWAYS_OFF,
}


def read_sampler(table: Table) -> MakeSampler:
    """Read one sampler and those it asks; where it cannot be used, which is noted, everything is sampled."""
    found = table.one(list(KINDS))
    return _always(ALWAYS_ON) if found is None else KINDS[found[0]](found[1])


def _always(sampler: Sampler) -> MakeSampler:
    return lambda _: sampler


def _under(table: Table, key: str, default: Sampler = ALWAYS_ON) -> MakeSampler:
    under = table.table(key)
    return _always(default) if under is None else read_sampler(under)


def _ratio(table: Table) -> float:
    ratio = table.share("ratio")
    return 1.0 if ratio is None else ratio


def _parent_based(table: Table) -> MakeSampler:
    made = {key: _under(table, key, default) for key, default in PARENTS.items()}
    return lambda resource: ParentBased(**{key: make(resource) for key, make in made.items()})


def _always_record(table: Table) -> MakeSampler:
    table.need("root")
    root = _under(table, "root")
    return lambda resource: AlwaysRecordSampler(root(resource))


def _composite(table: Table) -> MakeSampler:
    return _always(composite_sampler(read_composable(table)))


def _jaeger_remote(table: Table) -> MakeSampler:
    """Read Jaeger's; the sampler that holds until it answers must be one that decides natively."""
    from pyspan.sdk.trace.sampling import JaegerRemoteSampler

    table.need("endpoint")
    table.need("initial_sampler")
    endpoint, initial = table.text("endpoint"), _under(table, "initial_sampler")
    options = {"polling_interval": _interval(table)}

    def make(resource: Resource) -> Sampler:
        service = str(resource.attributes[SERVICE_NAME])
        return JaegerRemoteSampler(service, endpoint or "", initial_sampler=initial(resource), **options)

    if initial(ANY)._native is None:
        table.fault("initial_sampler", "give one that decides without rules and records no more than it samples")
    elif endpoint is not None:
        try:
            make(ANY)
        except ConfigurationError as error:
            table.fault("endpoint", str(error).rpartition("cannot be used: ")[2])
    return make


def _interval(table: Table) -> float:
    milliseconds = table.count("interval", 1)
    if milliseconds is not None and milliseconds > LONGEST_INTERVAL_MS:
        table.fault("interval", f"give {LONGEST_INTERVAL_MS} at most, a day")
    return min(milliseconds or INTERVAL_MS, LONGEST_INTERVAL_MS) / 1000


KINDS: dict[str, Callable[[Table], MakeSampler]] = {
    "always_on": lambda _: _always(ALWAYS_ON),
    "always_off": lambda _: _always(ALWAYS_OFF),
    "always_record": _always_record,
    "composite/development": _composite,
    "jaeger_remote/development": _jaeger_remote,
    "parent_based": _parent_based,
    "probability/development": lambda table: _always(ProbabilitySampler(_ratio(table))),
    "trace_id_ratio_based": lambda table: _always(TraceIdRatioBased(_ratio(table))),
}
