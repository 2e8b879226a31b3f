"""Workers that a pool replaces after some tasks export their last spans before they leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.otlp_sink import OtlpSink
from tests.support.scripts import assert_no_id_twice, run, spans

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# No batch becomes due by itself while the test runs.
LATE = {"OTEL_BSP_SCHEDULE_DELAY": "600000"}
TASKS = 5

SHOP = """
import celery, pathlib
import pyspan
from opentelemetry import trace

pyspan.configure("celery")
folder = str(pathlib.Path(__file__).parent / "broker")
pathlib.Path(folder).mkdir(exist_ok=True)
app = celery.Celery("shop", broker="filesystem://")
app.conf.update(
    broker_transport_options={"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder},
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
)

@app.task
def sell(number):
    with trace.get_tracer("shop").start_as_current_span(f"sell {number}"):
        pass
"""


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink


def test_workers_of_multiprocessing_that_are_replaced_lose_no_span(sink: OtlpSink) -> None:
    run(
        """
        with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
            for number in range(5):
                pool.apply(trace_some, (f"task {number}", 1))
            pool.close()
            pool.join()
        """,
        sink.endpoint,
        **LATE,
    )
    assert_no_id_twice(sink, TASKS)
    assert len({instance for instance, _ in spans(sink)}) == TASKS


@pytest.mark.timeout(150)  # each worker takes a second to leave
def test_celery_s_workers_that_are_replaced_lose_no_span(sink: OtlpSink, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    environ = {**os.environ, **LATE, "OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint}
    send = f"import shop\nfor number in range({TASKS}): shop.sell.delay(number)"
    subprocess.run([sys.executable, "-c", send], cwd=tmp_path, env=environ, timeout=55, check=True)
    words = ["worker", "--pool=prefork", "--concurrency=1", "--max-tasks-per-child=1", "--loglevel=WARNING"]
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "shop", *words], cwd=tmp_path, env=environ, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 75
        while sum(sink.delivered().values()) < TASKS and time.monotonic() < deadline:
            time.sleep(0.05)
        before_the_end = sum(sink.delivered().values())
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(timeout=10)
    assert before_the_end == TASKS
    assert_no_id_twice(sink, TASKS)
    assert len({instance for instance, _ in spans(sink)}) == TASKS
