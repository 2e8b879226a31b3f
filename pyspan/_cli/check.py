"""`pyspan check`: one test span by each configured exporter, and what stands in the way of all spans."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opentelemetry.context import Context

import pyspan
from pyspan._cli.delivery import deliver, target
from pyspan._cli.early import too_late
from pyspan._cli.logged import logged
from pyspan.config.environ import first
from pyspan.config.examine import examine
from pyspan.config.setting import DEFAULT
from pyspan.config.variables import CONFIG_FILES
from pyspan.errors import ConfigurationError
from pyspan.sdk._in_force import in_force
from pyspan.sdk._settings import Settings
from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from pyspan.sdk.trace.sampling import ALWAYS_ON, ParentBased

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspan.sdk.trace import Span
    from pyspan.sdk.trace.export import SpanExporter
    from pyspan.sdk.trace.sampling import Sampler

__all__ = ["Findings", "check"]

NAME = "pyspan check"
EXPORTING = (BatchSpanProcessor, SimpleSpanProcessor)
DECISIONS = 1_000
LARGEST = 2**64 - 1
# Trace ids differ in their lower half alone, which is the one that samplers look at.
UPPER_HALF = 0x7079_7370_616E_0001 << 64


@dataclass(slots=True)
class Findings:
    """What works, what stands in the way, and what is odd about the environment, one line each."""

    passed: list[str] = field(default_factory=list)
    obstacles: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check(before: Collection[str]) -> Findings:
    """Configure by the environment, and look at each station of a span in turn; `before` are the modules until now.

    Nothing is sent again: the first answer, or none, is the finding. The test span passes the sampler by.
    """
    findings = Findings(notes=[*filter(None, [too_late(before)])])
    with logged("pyspan.config") as warnings:
        try:
            provider = pyspan.configure()
        except ConfigurationError as error:
            findings.obstacles.append(str(error))
            return findings
        findings.notes += dict.fromkeys([*warnings, *examine(os.environ)])  # most of them twice
    try:
        _look_at_switch(provider, findings)
        _look_at_sampler(provider.sampler, findings)
        _look_at_exporters(provider, findings)
    finally:
        pyspan.shutdown()
    return findings


def _look_at_switch(provider: TracerProvider, findings: Findings) -> None:
    if provider._disabled:
        findings.obstacles.append(
            f"tracing is switched off: nothing is recorded (check {_source('OTEL_SDK_DISABLED')})"
        )


def _look_at_sampler(sampler: Sampler, findings: Findings) -> None:
    name = (sampler._root if isinstance(sampler, ParentBased) else sampler).get_description()
    try:
        kept = _kept(sampler)
    except Exception as error:  # noqa: BLE001  # anybody's code
        findings.obstacles.append(f"the sampler {name} raises {error!r}")
        return
    if kept == 0:
        where = _source("OTEL_TRACES_SAMPLER")
        findings.obstacles.append(f"the sampler {name} drops every trace that starts here (check {where})")
    else:
        share = "every trace" if kept == DECISIONS else f"{kept} of {DECISIONS:,} traces that start at once"
        findings.passed.append(f"sampler {name}: keeps {share}")


def _kept(sampler: Sampler) -> int:
    """Count what it keeps of root spans whose ids lie evenly from the lowest to the highest: no share is missed."""
    ids = [UPPER_HALF | LARGEST * number // (DECISIONS - 1) for number in range(DECISIONS)]
    return sum(sampler.should_sample(Context(), trace_id, NAME).decision.is_sampled() for trace_id in ids)


def _look_at_exporters(provider: TracerProvider, findings: Findings) -> None:
    exporters = _exporters(provider)
    if not exporters:
        findings.obstacles.append(f"no exporter: spans go nowhere (check {_source('OTEL_TRACES_EXPORTER')})")
    for exporter in exporters:
        span = _test_span(provider)
        obstacles = deliver(exporter, span)
        findings.obstacles += obstacles
        if not obstacles:
            findings.passed.append(f"exporter {target(exporter)}: took the test span {_ids(span)}")


def _exporters(provider: TracerProvider) -> list[SpanExporter]:
    processors = provider._active_span_processor._span_processors
    return [processor.span_exporter for processor in processors if isinstance(processor, EXPORTING)]


def _test_span(provider: TracerProvider) -> Span:
    """Record a span of the configured resource; that of a disabled provider would be no span."""
    own = TracerProvider(sampler=ALWAYS_ON, resource=provider.resource, shutdown_on_exit=False)
    own._disabled = False
    span: Span = own.get_tracer(NAME).start_span(NAME, context=Context())  # type: ignore[assignment]  # it records
    span.end()
    return span


def _ids(span: Span) -> str:
    context = span.get_span_context()
    return f"(trace {context.trace_id:032x}, span {context.span_id:016x})"


def _source(variable: str) -> str:
    """Name what has set this: the variable, one of another vendor that stands for it, or a file."""
    written = first(os.environ, *CONFIG_FILES)
    if written:
        return f"{written[0]}={written[1]}"
    sources = {setting.name: setting.source for setting in in_force(Settings())}
    return variable if sources[variable] == DEFAULT else sources[variable]
