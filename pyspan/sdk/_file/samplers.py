"""The sampler that a file describes: a tree, whose leaves decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspan.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, AlwaysRecordSampler, ParentBased, TraceIdRatioBased

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspan.config.file import Table
    from pyspan.sdk.trace.sampling import Sampler

__all__ = ["read_sampler"]


def read_sampler(table: Table) -> Sampler:
    """Read one sampler and those it asks; where it cannot be used, which is noted, everything is sampled."""
    found = table.one(list(KINDS))
    return ALWAYS_ON if found is None else KINDS[found[0]](found[1])


def _under(table: Table, key: str, default: Sampler) -> Sampler:
    under = table.table(key)
    return default if under is None else read_sampler(under)


def _ratio(table: Table) -> Sampler:
    ratio = table.share("ratio")
    return TraceIdRatioBased(1.0 if ratio is None else ratio)


def _parent_based(table: Table) -> Sampler:
    return ParentBased(
        root=_under(table, "root", ALWAYS_ON),
        remote_parent_sampled=_under(table, "remote_parent_sampled", ALWAYS_ON),
        remote_parent_not_sampled=_under(table, "remote_parent_not_sampled", ALWAYS_OFF),
        local_parent_sampled=_under(table, "local_parent_sampled", ALWAYS_ON),
        local_parent_not_sampled=_under(table, "local_parent_not_sampled", ALWAYS_OFF),
    )


def _always_record(table: Table) -> Sampler:
    table.need("root")
    return AlwaysRecordSampler(_under(table, "root", ALWAYS_ON))


KINDS: dict[str, Callable[[Table], Sampler]] = {
    "always_on": lambda _: ALWAYS_ON,
    "always_off": lambda _: ALWAYS_OFF,
    "always_record": _always_record,
    "parent_based": _parent_based,
    "trace_id_ratio_based": _ratio,
}
