"""One script over either SDK, pyspan or opentelemetry-sdk, and what came of it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.otlp_sink import Answer, OtlpSink
from tests.support.scripts import spans

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GRPC", "IMPORTS", "SDKS", "SETUP", "Ran", "run_over", "silent"]

SDKS = ("pyspan", "opentelemetry-sdk")

# What each calls the same thing; what opentelemetry-sdk has no switch for does nothing there.
IMPORTS = {
    "pyspan": """
from pyspan import flush_on_return
from pyspan.context.carried import carry
from pyspan.propagation import TraceContextTextMapPropagator
from pyspan.sdk.trace import SpanLimits, TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter, SpanExporter, SpanExportResult
OPEN_SPANS = {"export_open_spans_after": 0.1}
def has_exported():
    return any(exporter["exported"] for exporter in provider._stats()["exporters"])
""",
    "opentelemetry-sdk": """
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
def flush_on_return(function):
    return function
def carry():
    pass
OPEN_SPANS = {}
def has_exported():
    return provider.force_flush()
""",
}
# The same lines for both, as an application has them.
SETUP = """
import json, logging, multiprocessing, os, sys, threading, time
from opentelemetry import trace

def say(found):
    os.write(1, json.dumps(found).encode())

def trace_some(name, count):
    for number in range(count):
        with tracer.start_as_current_span(f"{name} {number}"):
            pass

def use(*processors, **options):
    global provider, tracer
    provider = TracerProvider(**options)
    for processor in processors or [BatchSpanProcessor(OTLPSpanExporter())]:
        provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    tracer = provider.get_tracer("script")
"""


# The gRPC exporter of each, which takes the place of the other.
GRPC = {
    "pyspan": """
import functools
OTLPSpanExporter = functools.partial(OTLPSpanExporter, protocol="grpc")
""",
    "opentelemetry-sdk": """
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
""",
}


@dataclass(frozen=True, slots=True)
class Ran:
    """A script that has ended: what it printed, what it logged, and what of it the backend has."""

    said: Any
    stderr: str
    sink: OtlpSink
    begun: float
    ended: float

    @property
    def delivered(self) -> int:
        """How many spans the backend has, of different ids."""
        return len(self.sink.delivered())

    @property
    def instances(self) -> int:
        """How many processes it knows of."""
        return len({instance for instance, _ in spans(self.sink)})


def run_over(sdk: str, code: str, sink: OtlpSink, *, before: str = "", environ: Mapping[str, str] | None = None) -> Ran:
    """Run the script in a Python of its own, with `sink` as its backend; what it prints is JSON."""
    script = "".join((before, IMPORTS[sdk], SETUP, textwrap.dedent(code)))
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint, **(environ or {})},
        timeout=55,
        check=False,
        capture_output=True,
        text=True,
    )
    said = json.loads(done.stdout) if done.stdout else None
    return Ran(said, done.stderr, sink, begun, time.monotonic())


def silent(_: object) -> Answer:
    """Take a request and not answer it while a script runs."""
    return Answer(delay=50.0)
