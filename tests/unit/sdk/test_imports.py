"""What importing costs: no event loop, no client library, no protobuf, and little time."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    *("aiokafka", "anyio", "asyncio", "concurrent.futures", "google.protobuf", "grpc", "http.client", "httpx"),
    *("importlib.metadata", "msgspec", "multiprocessing", "opentelemetry.sdk", "opentelemetry.semconv", "psutil"),
    *("requests", "ssl", "urllib3", "uuid"),
}
API = "import opentelemetry.trace, opentelemetry.propagate, opentelemetry.baggage.propagation, time"
LIST = "import json, sys; print(json.dumps(sorted(set(sys.modules) - before)))"
TRACE = """
from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter
"""


def loaded(code: str) -> set[str]:
    """Return the modules that `code` imports beyond those of the API."""
    script = (
        f"import sys; import opentelemetry.trace, opentelemetry.propagate; before = set(sys.modules)\n{code}\n{LIST}"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return set(json.loads(output))


@pytest.mark.parametrize("code", ["import pyspan", TRACE, "import pyspan\npyspan.configure(exporter='none')"])
def test_nothing_heavy_is_loaded(code: str) -> None:
    assert {name for name in loaded(code) if name in HEAVY or name.partition(".")[0] in HEAVY} == set()


def test_importing_pyspan_loads_nothing_of_the_sdk() -> None:
    assert {name for name in loaded("import pyspan") if name.startswith("pyspan")} == {"pyspan"}


def test_the_worker_s_event_loop_is_loaded_by_the_first_span_only() -> None:
    started = f"""{TRACE}
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter("http://127.0.0.1:9/v1/traces")))
"""
    assert not loaded(started) & {"asyncio", "anyio", "pyspan.pipeline.worker"}


def cpu_seconds(code: str) -> float:
    """Return the least CPU time of a few runs, after the API is imported."""
    script = f"{API}; begun = time.process_time(); {code}; print(time.process_time() - begun)"
    run = [sys.executable, "-c", script]
    return min(float(subprocess.run(run, capture_output=True, text=True, check=True).stdout) for _ in range(7))


def test_importing_pyspan_costs_at_most_15_ms_over_the_api() -> None:
    assert cpu_seconds("import pyspan") < 0.015


def test_importing_the_tracer_and_its_exporters_costs_little_more() -> None:
    assert cpu_seconds("import pyspan.sdk.trace.export") < 0.050
