"""The spans of a test: recorded in memory, compared as a tree, and none of them lost."""

from __future__ import annotations

from contextlib import contextmanager
from difflib import unified_diff
from textwrap import dedent
from threading import Lock, get_ident
from typing import TYPE_CHECKING

from pyspan.sdk.resources import SERVICE_NAME, Resource
from pyspan.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from pyspan.sdk.trace.export import SimpleSpanProcessor
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pyspan.sdk.trace.sampling import ALWAYS_ON
from pyspan.testing._determinism import CountingIds, stepping_clock
from pyspan.testing._global import global_provider, no_current_span
from pyspan.testing._tree import Order, tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.context import Context

    from pyspan.sdk.trace import ReadableSpan, Span

__all__ = ["CapturedSpans", "captured"]

SERVICE = "tests"


@contextmanager
def captured() -> Iterator[CapturedSpans]:
    """Make a provider of its own the global one meanwhile, with ids and times that are the same in every run.

    The environment changes nothing: every span is sampled, also under OTEL_SDK_DISABLED. The clock and the global
    provider are the process's, so one such block runs at a time: another thread waits.

    Raises:
        RuntimeError: within another such block of this thread.
    """
    with _alone():
        spans = CapturedSpans()
        with global_provider(spans.provider), no_current_span(), stepping_clock():
            yield spans


@contextmanager
def _alone() -> Iterator[None]:
    """Let other threads wait until this one is done."""
    if _Running.thread == get_ident():
        raise RuntimeError("captured() is running in this thread already; use the spans of the outer one")
    with _Running.lock:
        _Running.thread = get_ident()
        try:
            yield
        finally:
            _Running.thread = None


class _Running:
    """Stands for the process: who has its clock and its global provider."""

    lock = Lock()
    thread: int | None = None


class CapturedSpans:
    """What a test has recorded: iterate over it, ask it for one span by name, or compare it as a tree.

    `provider` is the tracer provider that records, `exporter` the `InMemorySpanExporter` that keeps what has ended.
    """

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = _provider()
        self._processor = SimpleSpanProcessor(self.exporter)
        self._open = _OpenSpans()
        self._may_lose = False
        self.provider.add_span_processor(self._open)
        self.provider.add_span_processor(self._processor)

    def __iter__(self) -> Iterator[ReadableSpan]:
        return iter(self.exporter.get_finished_spans())

    def __len__(self) -> int:
        return len(self.exporter.get_finished_spans())

    def named(self, name: str) -> ReadableSpan:
        """Return the one span of this name.

        Raises:
            AssertionError: there is none, or more than one; the message shows the tree.
        """
        __tracebackhide__ = True
        found = [span for span in self if span.name == name]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} spans are named {name!r}, not one:\n{self.tree() or '(no spans)'}")
        return found[0]

    def tree(self, *attributes: str, order: Order = "start") -> str:
        """Draw the spans that have ended; see `pyspan.testing.tree`."""
        return tree(self, *attributes, order=order)

    def assert_tree(self, expected: str, *attributes: str, order: Order = "start") -> None:
        """Check that the spans make this tree; indentation and blank lines around the text don't count.

        Raises:
            AssertionError: with a unified diff of both.
        """
        __tracebackhide__ = True
        wanted, found = dedent(expected).strip("\n "), self.tree(*attributes, order=order)
        if wanted != found:
            lines = unified_diff(wanted.splitlines(), found.splitlines(), "expected", "recorded", lineterm="", n=10)
            raise AssertionError("the spans make another tree:\n" + "\n".join(lines))

    def clear(self) -> None:
        """Forget the spans that have ended; ids and clock go on."""
        self.exporter.clear()

    def allow_loss(self) -> None:
        """Let this test end with spans that are open or lost."""
        self._may_lose = True

    def assert_nothing_lost(self) -> None:
        """Check that every span has ended and has been exported.

        Raises:
            AssertionError: with each reason and its number of spans.
        """
        __tracebackhide__ = True
        reasons = [] if self._may_lose else [*self._lost(), *self._open.reasons()]
        if reasons:
            raise AssertionError(f"spans were lost: {'; '.join(reasons)} (pyspan_spans.allow_loss() permits it)")

    def _lost(self) -> list[str]:
        counts = self._processor._stats()
        reasons = {"failed": "failed to export", "dropped_after_shutdown": "ended after the provider was shut down"}
        return [f"{counts[name]} {reason}" for name, reason in reasons.items() if counts.get(name)]


class _OpenSpans(SpanProcessor):
    """Knows the names of the spans that have not ended."""

    def __init__(self) -> None:
        self._names: dict[tuple[int, int], str] = {}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._names[span.context.trace_id, span.context.span_id] = span.name

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None:
            self._names.pop((span.context.trace_id, span.context.span_id), None)

    def reasons(self) -> list[str]:
        names = list(self._names.values())
        return [f"{len(names)} never ended ({', '.join(names)})"] if names else []


def _provider() -> TracerProvider:
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=Resource({SERVICE_NAME: SERVICE}),
        shutdown_on_exit=False,
        id_generator=CountingIds(),
        span_limits=SpanLimits(_environ={}),
        redact=True,
    )
    provider._disabled = False
    return provider
