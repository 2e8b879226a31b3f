"""No spans from workers that a server forks after its start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.support.ports import free_port
from tests.support.scripts import assert_no_id_twice, names, spans

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.otlp_sink import OtlpSink

APP = """
import os
import pyspan
from opentelemetry import trace
pyspan.configure("gunicorn")
tracer = trace.get_tracer("app")
with tracer.start_as_current_span("preload"):
    pass

def app(environ, start_response):
    with tracer.start_as_current_span("request"):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]
"""


def test_gunicorn_with_preload_delivers_the_spans_of_every_worker(sink: OtlpSink, tmp_path: Path) -> None:
    requests = serve(APP, sink, tmp_path)
    assert names(sink).count("request") == requests
    assert_no_id_twice(sink, requests + 1)
    assert len({instance for instance, _ in spans(sink)}) == 5


def serve(app: str, sink: OtlpSink, folder: Path) -> int:
    """Serve the application until each of four workers has answered; return how many requests they did."""
    (folder / "shop.py").write_text(app)
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--preload", "-w", "4", "-b", f"127.0.0.1:{port}", "shop:app"]
    environ = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint}
    server = subprocess.Popen(command, cwd=folder, env=environ, stderr=subprocess.DEVNULL)
    try:
        workers = ask_until_all_workers_answered(port)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=20)
    return sum(workers.values())


def ask_until_all_workers_answered(port: int) -> dict[str, int]:
    """Return how many requests each of the four workers answered."""
    answered: dict[str, int] = {}
    deadline = time.monotonic() + 30
    with ThreadPoolExecutor(8) as pool:
        while len(answered) < 4 and time.monotonic() < deadline:
            for worker in filter(None, pool.map(ask, [port] * 16)):
                answered[worker] = answered.get(worker, 0) + 1
    assert len(answered) == 4, answered
    return answered


def ask(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as response:
            return str(response.read().decode())
    except OSError:
        time.sleep(0.1)
        return ""
