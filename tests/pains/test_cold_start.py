"""An import that costs 100 to 400 ms."""

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
LIST = "print(json.dumps(sorted(set(sys.modules) - before)))"
TRACE = """
from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter
"""
PROVIDER = f"""{TRACE}
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter("http://127.0.0.1:9/v1/traces")))
"""


def loaded(code: str) -> set[str]:
    """Return the modules that `code` imports beyond those of the API."""
    script = (
        f"import json, sys, opentelemetry.trace, opentelemetry.propagate; before = set(sys.modules)\n{code}\n{LIST}"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return set(json.loads(output))


def test_importing_pyspan_loads_one_module_beside_the_api() -> None:
    assert loaded("import pyspan") == {"pyspan"}


@pytest.mark.parametrize("code", ["import pyspan", TRACE, "import pyspan\npyspan.configure(exporter='none')"])
def test_nothing_heavy_is_loaded(code: str) -> None:
    assert {name for name in loaded(code) if name in HEAVY or name.partition(".")[0] in HEAVY} == set()


def test_the_worker_s_event_loop_is_loaded_by_the_first_span_only() -> None:
    assert not loaded(PROVIDER) & {"asyncio", "anyio", "pyspan.pipeline.worker"}


def test_a_tracer_with_its_exporter_loads_a_bounded_number_of_modules() -> None:
    assert len(loaded(PROVIDER)) < 100  # 67 when this was written, 52 of them our own
