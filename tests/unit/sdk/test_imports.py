"""What importing costs in time."""

from __future__ import annotations

import subprocess
import sys

API = "import opentelemetry.trace, opentelemetry.propagate, opentelemetry.baggage.propagation, time"


def cpu_seconds(code: str) -> float:
    """Return the least CPU time of a few runs, after the API is imported."""
    script = f"{API}; begun = time.process_time(); {code}; print(time.process_time() - begun)"
    run = [sys.executable, "-c", script]
    return min(float(subprocess.run(run, capture_output=True, text=True, check=True).stdout) for _ in range(7))


def test_importing_pyspan_costs_at_most_15_ms_over_the_api() -> None:
    assert cpu_seconds("import pyspan") < 0.015


def test_importing_the_tracer_and_its_exporters_costs_little_more() -> None:
    assert cpu_seconds("import pyspan.sdk.trace.export") < 0.050
