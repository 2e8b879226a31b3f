"""The sampler that a file describes: a tree, whose leaves decide; made once the resource is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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
RATES = ("always_on", "always_off", "trace_id_ratio_based", "probability/development")
LONGEST_INTERVAL_MS = 86_400_000
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
    table.need("endpoint")
    table.need("initial_sampler")
    options: dict[str, Any] = {"endpoint": table.text("endpoint"), "initial_sampler": _initial_rate(table)}
    interval = table.count("interval", 1)
    if interval is not None and interval > LONGEST_INTERVAL_MS:
        table.fault("interval", f"give {LONGEST_INTERVAL_MS} at most, a day")
    elif interval is not None:
        options["polling_interval"] = interval / 1000
    if options["endpoint"] is None:
        return _always(ALWAYS_ON)
    from pyspan.sdk.trace.sampling import JaegerRemoteSampler

    try:
        JaegerRemoteSampler("unknown_service", **options)
    except ConfigurationError as error:
        table.fault("endpoint", str(error).rpartition("cannot be used: ")[2])
    return lambda resource: JaegerRemoteSampler(str(resource.attributes[SERVICE_NAME]), **options)


def _initial_rate(table: Table) -> float:
    """Read the sampler that holds until Jaeger answers: one that is told by a share."""
    initial = table.table("initial_sampler") if table.ask("initial_sampler") is not None else None
    found = initial.one(RATES) if initial else None
    if found is None or found[0] == "always_on":
        return 1.0
    return 0.0 if found[0] == "always_off" else _ratio(found[1])


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
