"""Spans as indented text, each below its parent, for people to read and for tests to compare."""

from __future__ import annotations

from collections import defaultdict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from opentelemetry.trace import StatusCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyspan.sdk.trace import ReadableSpan

__all__ = ["Order", "tree"]

Order = Literal["start", "text"]
Key = tuple[int, int]


def tree(spans: Iterable[ReadableSpan], *attributes: str, order: Order = "start") -> str:
    """Draw spans, one a line: `name [KIND] STATUS: description (events) key=value`, without what is unset.

    `attributes` are the keys to show, `*` standing for any letters. Spans of one level stand in the order of their
    starts, or with `order="text"` in that of their text: what threads do side by side starts in any order. A span whose
    parent is not among them stands at the left.
    """
    known = sorted(spans, key=lambda span: span.start_time or 0)
    ids = {_key(span) for span in known}
    children: dict[Key | None, list[ReadableSpan]] = defaultdict(list)
    for span in known:
        parent = _parent(span)
        children[parent if parent in ids else None].append(span)
    blocks = _blocks(children, attributes, order)
    return "\n".join("  " * depth + line for depth, line in blocks)


Lines = list[tuple[int, str]]


def _blocks(children: dict[Key | None, list[ReadableSpan]], attributes: Sequence[str], order: Order) -> Lines:
    """Draw the innermost first, without recursion: a trace may be deeper than Python's stack."""
    drawn: dict[Key | None, Lines] = {}
    for parent in reversed(list(_outermost_first(children))):
        blocks = []
        for span in children.get(parent, ()):
            below = [(depth + 1, line) for depth, line in drawn.pop(_key(span), [])]
            blocks.append([(0, _line(span, attributes)), *below])
        if order == "text":
            blocks.sort(key=lambda block: [line for _, line in block])
        drawn[parent] = [line for block in blocks for line in block]
    return drawn[None]


def _outermost_first(children: dict[Key | None, list[ReadableSpan]]) -> Iterator[Key | None]:
    waiting: list[Key | None] = [None]
    while waiting:
        parent = waiting.pop()
        yield parent
        waiting += [_key(span) for span in children.get(parent, ())]


def _line(span: ReadableSpan, attributes: Sequence[str]) -> str:
    events = f" ({', '.join(event.name for event in span.events)})" if span.events else ""
    shown = {
        key: value
        for key, value in sorted((span.attributes or {}).items())
        if any(fnmatchcase(key, pattern) for pattern in attributes)
    }
    pairs = "".join(f" {key}={value!r}" for key, value in shown.items())
    return f"{span.name} [{span.kind.name}]{_status(span)}{events}{pairs}"


def _status(span: ReadableSpan) -> str:
    if span.status.status_code is StatusCode.UNSET:
        return ""
    description = f": {span.status.description}" if span.status.description else ""
    return f" {span.status.status_code.name}{description}"


def _key(span: ReadableSpan) -> Key:
    context = span.context
    return (context.trace_id, context.span_id) if context else (0, 0)


def _parent(span: ReadableSpan) -> Key | None:
    return (span.parent.trace_id, span.parent.span_id) if span.parent else None
