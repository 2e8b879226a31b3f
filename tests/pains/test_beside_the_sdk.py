"""Each complaint as one script over pyspan, which must not have it, and over opentelemetry-sdk, which does or did."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.pains.both import GRPC, IMPORTS, SDKS, SETUP, run_over
from tests.pains.scenarios import SCENARIOS, Scenario
from tests.pains.test_grpc_fork import Backend, backend
from tests.pains.test_gunicorn_preload import serve
from tests.support.otlp_sink import OtlpSink
from tests.support.scripts import names

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["backend"]

SERVED = """
use()
def app(environ, start_response):
    with tracer.start_as_current_span("request"):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]
"""
FORKING = """
use()
trace_some("parent before", 5)
provider.force_flush()  # the connection is open
children = []
for _ in range(4):
    child = os.fork()
    trace_some("after", 5)
    if child == 0:
        sys.exit(0)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
say("grpc" in sys.modules)
"""
TIMED = """
use(NOTHING, shutdown_on_exit=False)
def seconds():
    begun = time.process_time()
    trace_some("x", 2_000)
    return time.process_time() - begun
say(min(seconds() for _ in range(20)))
"""
NOTHING = """
class Nothing(SpanExporter):
    def export(self, spans):
        return SpanExportResult.SUCCESS
    def shutdown(self):
        pass
NOTHING = BatchSpanProcessor(
    Nothing(), max_queue_size=60_000, max_export_batch_size=60_000, schedule_delay_millis=600_000
)
"""


@pytest.mark.parametrize("sdk", SDKS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.slug)
def test_what_comes_of_it_is_what_the_table_says(scenario: Scenario, sdk: str) -> None:
    with OtlpSink() as sink:  # not the fixture: scripts that leave in the middle of a request break the protocol
        sink.rule = scenario.rule
        ran = run_over(sdk, scenario.code, sink, before=scenario.before, environ=dict(scenario.environ))
        expected = scenario.ours if sdk == "pyspan" else scenario.theirs
        assert scenario.found(ran) == expected, ran.stderr


@pytest.mark.parametrize("sdk", SDKS)
def test_gunicorn_preload_both_deliver_the_spans_of_forked_workers(sdk: str, sink: OtlpSink, tmp_path: Path) -> None:
    requests = serve(IMPORTS[sdk] + SETUP + SERVED, sink, tmp_path)
    assert names(sink).count("request") == requests


@pytest.mark.parametrize(("sdk", "loads_grpc"), [("pyspan", False), ("opentelemetry-sdk", True)])
def test_grpc_fork_both_deliver_but_one_without_the_library(sdk: str, loads_grpc: bool, backend: Backend) -> None:
    script = IMPORTS[sdk] + GRPC[sdk] + SETUP + FORKING
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{backend.port}"}
    done = subprocess.run([sys.executable, "-c", script], env=environ, timeout=55, check=True, capture_output=True)
    assert json.loads(done.stdout) is loads_grpc
    assert len(set(backend.span_ids)) == 5 + 8 * 5


def test_overhead_a_span_costs_less_than_half_of_the_sdk_s(sink: OtlpSink) -> None:
    ours, theirs = (run_over(sdk, NOTHING + TIMED, sink).said for sdk in SDKS)
    assert ours < theirs / 2
