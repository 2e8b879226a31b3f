"""OpenTelemetry's published instrumentation packages run over pyspan unchanged, with the trees of the SDK."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.otlp_sink import OtlpSink
from tests.support.ports import free_port
from tests.support.trees import otlp_nodes, tree

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

TREE = """
GET [CLIENT]
  GET /orders/{number} [SERVER]
    connect [CLIENT]
      PRAGMA [CLIENT]
    SELECT [CLIENT]
    SELECT [CLIENT]
    GET [CLIENT]
      GET /stock/<item> [SERVER]
        SELECT [CLIENT]
    GET /orders/{number} http send [INTERNAL]
    GET /orders/{number} http send [INTERNAL]
GET [CLIENT] ERROR
  GET /broken [SERVER] ERROR (exception)
    GET /broken http send [INTERNAL] ERROR
    GET /broken http send [INTERNAL]
GET [CLIENT] ERROR
  GET /broken [SERVER] ERROR (exception)
""".strip()

INSTRUMENT = """
from opentelemetry.instrumentation.asyncio import AsyncioInstrumentor
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.logging import LoggingInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
for instrumentor in (AsyncioInstrumentor, FastAPIInstrumentor, FlaskInstrumentor, HTTPXClientInstrumentor,
                     LoggingInstrumentor, RequestsInstrumentor, SQLAlchemyInstrumentor, SQLite3Instrumentor,
                     ThreadingInstrumentor):
    instrumentor().instrument()
from tests.instrumentation import shop_app
shop_app.main()
"""
BY_PYSPAN = "import pyspan\npyspan.configure('shop')\n"
BY_PARTS = """
from opentelemetry.trace import set_tracer_provider
from pyspan.sdk.resources import Resource
from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter
provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
set_tracer_provider(provider)
"""
BY_THE_SDK = BY_PARTS.replace("pyspan.sdk", "opentelemetry.sdk").replace(
    "BatchSpanProcessor, OTLPSpanExporter",
    "BatchSpanProcessor\nfrom opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter",
)
FOREIGN_EXPORTER = BY_PARTS.replace(
    "BatchSpanProcessor, OTLPSpanExporter",
    "BatchSpanProcessor\nfrom opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter",
)


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink
        assert not sink.violations


def run(command: list[str], sink: OtlpSink, **environ: str) -> str:
    """Run the shop on free ports; return what it printed."""
    settings = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint,
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }
    process = subprocess.run(
        [*command, str(free_port()), str(free_port())],
        env={**settings, **environ},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout + process.stderr


def by_code(setup: str) -> list[str]:
    return [sys.executable, "-c", setup + INSTRUMENT]


def by_distro() -> list[str]:
    return [str(BIN / "opentelemetry-instrument"), sys.executable, "-m", "tests.instrumentation.shop_app"]


def drawn(sink: OtlpSink) -> str:
    return tree(otlp_nodes(request.body for request in sink.requests))


@pytest.mark.parametrize(
    "setup",
    [
        pytest.param(BY_PYSPAN, id="by configure"),
        pytest.param(BY_PARTS, id="by a changed import prefix"),
        pytest.param(FOREIGN_EXPORTER, id="with the exporter of OpenTelemetry"),
        pytest.param(BY_THE_SDK, id="over the SDK itself"),
    ],
)
def test_an_application_instrumented_by_code_makes_this_tree(sink: OtlpSink, setup: str) -> None:
    run(by_code(setup), sink)
    assert drawn(sink) == TREE


def test_an_application_under_opentelemetry_instrument_makes_the_same_tree(sink: OtlpSink) -> None:
    run(by_distro(), sink, OTEL_PYTHON_DISTRO="pyspan")
    assert drawn(sink) == TREE


@pytest.mark.parametrize("program", [["tests/instrumentation/shop_app.py"], ["-m", "tests.instrumentation.shop_app"]])
def test_an_application_under_pyspan_run_makes_the_same_tree(sink: OtlpSink, program: list[str]) -> None:
    run([str(BIN / "pyspan"), "run", *program], sink)
    assert drawn(sink) == TREE


def test_log_records_name_the_trace_that_they_belong_to(sink: OtlpSink) -> None:
    printed = run(by_distro(), sink, OTEL_PYTHON_DISTRO="pyspan", OTEL_PYTHON_LOG_CORRELATION="true")
    logged = re.search(r"\[shop\].*trace_id=([0-9a-f]{32}).*order 7", printed)
    assert logged is not None, printed
    assert logged[1] in {trace_id for trace_id, _ in sink.delivered()}


def test_metrics_and_logs_are_left_to_the_sdk_that_is_installed(sink: OtlpSink, tmp_path: Path) -> None:
    script = tmp_path / "kinds.py"
    script.write_text(
        "from opentelemetry import trace, metrics, _logs\n"
        "for known in (trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider()):\n"
        "    print(type(known).__module__)\n"
        "print(trace.get_tracer_provider().resource.attributes.get('telemetry.auto.version') is not None)\n"
    )
    printed = run(
        [str(BIN / "opentelemetry-instrument"), sys.executable, str(script)], sink, OTEL_PYTHON_DISTRO="pyspan"
    )
    ours, metrics, logs, has_version = printed.split("\n")[-5:-1]
    assert ours.startswith("pyspan.sdk.trace")
    assert metrics.startswith("opentelemetry.sdk.metrics")
    assert logs.startswith("opentelemetry.sdk._logs")
    assert has_version == "True"


def test_without_the_sdk_and_protobuf_the_distro_traces_all_the_same(sink: OtlpSink) -> None:
    absent = """
import sys
for name in ("opentelemetry.sdk", "opentelemetry.proto", "opentelemetry.exporter", "google.protobuf", "grpc"):
    sys.modules[name] = None
from pyspan.sdk._auto import PyspanConfigurator, PyspanDistro
PyspanDistro().configure()
PyspanConfigurator().configure(auto_instrumentation_version="1")
from opentelemetry import metrics, trace
trace.get_tracer("x").start_span("alone").end()
assert "sdk" not in type(metrics.get_meter_provider()).__module__
"""
    run([sys.executable, "-c", absent], sink)
    assert drawn(sink) == "alone [INTERNAL]"
