"""Samplers by threshold that a file composes, `composite/development`: shares, parents, rules on spans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind, get_current_span

from pyspan.sdk._file.patterns import read_patterns
from pyspan.sdk.trace.sampling import (
    composable_always_off,
    composable_always_on,
    composable_parent_threshold,
    composable_rule_based,
    composable_traceid_ratio_based,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context

    from pyspan.config.file import Table
    from pyspan.sdk.trace.sampling import ComposableSampler

    Condition = Callable[["Mapping[str, Any]", "SpanKind | None", "Context | None"], bool]

__all__ = ["read_composable"]

SPAN_KINDS = [kind.name.lower() for kind in SpanKind]
PARENTS = ["none", "remote", "local"]


def read_composable(table: Table) -> ComposableSampler:
    """Read one sampler and those it asks; where it cannot be used, which is noted, everything is sampled."""
    found = table.one(list(KINDS))
    return composable_always_on() if found is None else KINDS[found[0]](found[1])


def _probability(table: Table) -> ComposableSampler:
    ratio = table.share("ratio")
    return composable_traceid_ratio_based(1.0 if ratio is None else ratio)


def _parent_threshold(table: Table) -> ComposableSampler:
    return composable_parent_threshold(_under(table, "root"))


def _rule_based(table: Table) -> ComposableSampler:
    return composable_rule_based([_rule(rule) for rule in table.tables("rules")])


def _rule(table: Table) -> tuple[Callable[..., bool], ComposableSampler]:
    conditions = [_values(table.table("attribute_values")), _patterns(table.table("attribute_patterns"))]
    conditions += [_kinds(table), _parents(table)]
    return _Rule(table.path, [each for each in conditions if each is not None]), _under(table, "sampler")


def _under(table: Table, key: str) -> ComposableSampler:
    table.need(key)
    under = table.table(key) if table.ask(key) is not None else None
    return composable_always_on() if under is None else read_composable(under)


class _Rule:
    """Holds for a span where all its conditions do; its description is its place in the file."""

    def __init__(self, path: str, conditions: list[Condition]) -> None:
        self._path = path
        self._conditions = conditions

    def __call__(self, parent_ctx: Context | None, span_kind: SpanKind | None, attributes: Any, **_: Any) -> bool:
        return all(holds(attributes or {}, span_kind, parent_ctx) for holds in self._conditions)

    def __repr__(self) -> str:
        return self._path


def _values(table: Table | None) -> Condition | None:
    if table is None:
        return None
    table.need("key")
    table.need("values")
    key, values = table.text("key") or "", set(table.texts("values"))
    return lambda attributes, _, __: any(text in values for text in _texts(attributes, key))


def _patterns(table: Table | None) -> Condition | None:
    if table is None:
        return None
    table.need("key")
    key, patterns = table.text("key") or "", read_patterns(table)
    return lambda attributes, _, __: any(patterns.admit(text) for text in _texts(attributes, key))


def _kinds(table: Table) -> Condition | None:
    kinds = table.choices("span_kinds", SPAN_KINDS)
    return (lambda _, kind, __: (kind or SpanKind.INTERNAL).name.lower() in kinds) if kinds else None


def _parents(table: Table) -> Condition | None:
    wanted = table.choices("parent", PARENTS)
    return (lambda _, __, context: _parent(context) in wanted) if wanted else None


def _parent(context: Context | None) -> str:
    parent = get_current_span(context).get_span_context()
    if not parent.is_valid:
        return "none"
    return "remote" if parent.is_remote else "local"


def _texts(attributes: Mapping[str, Any], key: str) -> list[str]:
    """Return a value as texts: each item of a list may match; true and false are written as in the file."""
    value = attributes.get(key)
    if value is None:
        return []
    items = value if isinstance(value, (list, tuple)) else [value]
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in items]


KINDS: dict[str, Callable[[Table], ComposableSampler]] = {
    "always_on": lambda _: composable_always_on(),
    "always_off": lambda _: composable_always_off(),
    "parent_threshold": _parent_threshold,
    "probability": _probability,
    "rule_based": _rule_based,
}
