"""unended_leak: spans that nobody ends take no memory, and are counted with where they come from."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pyspan.sdk.trace import TracerProvider

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def provider() -> Iterator[TracerProvider]:
    provider = TracerProvider(shutdown_on_exit=False)
    yield provider
    provider.shutdown()


def resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * PAGE_BYTES


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_half_a_million_spans_that_nobody_ends_take_no_memory(provider: TracerProvider) -> None:
    tracer = provider.get_tracer("shop")

    def forget(spans: int) -> None:
        for number in range(spans):
            tracer.start_span(f"GET /orders/{number}", attributes={"number": number})

    forget(10_000)
    before = resident_bytes()
    forget(500_000)
    assert resident_bytes() - before < 10_000_000
    assert provider._stats()["unended"] == 510_000


def test_they_are_counted_by_tracer_and_name_with_the_longest_time(provider: TracerProvider) -> None:
    shop, db = provider.get_tracer("shop"), provider.get_tracer("db")
    for _ in range(3):
        db.start_span("query", start_time=1)
    shop.start_span("pay")
    with shop.start_as_current_span("ended"):
        pass
    query, pay = provider._stats()["unended_by_name"]
    assert (query["scope"], query["name"], query["spans"]) == ("db", "query", 3)
    assert query["longest"] > 1e9
    assert (pay["scope"], pay["name"], pay["spans"]) == ("shop", "pay", 1)
    assert 0 <= pay["longest"] < 600


def test_names_without_bound_are_one_entry_after_a_hundred(provider: TracerProvider) -> None:
    tracer = provider.get_tracer("shop")
    for number in range(250):
        tracer.start_span(f"GET /orders/{number}")
    by_name = provider._stats()["unended_by_name"]
    assert len(by_name) == 101
    assert {**by_name[-1], "longest": 0} == {"scope": "", "name": "", "spans": 150, "longest": 0}


def test_shutdown_says_once_which_they_were(caplog: pytest.LogCaptureFixture) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    for number in range(7):
        provider.get_tracer("db").start_span(f"query {number}")
    provider.get_tracer("db").start_span("query 6")
    provider.shutdown()
    provider.shutdown()
    (line,) = [record.getMessage() for record in caplog.records if "without an end" in record.getMessage()]
    assert line.startswith(
        "8 spans were dropped without an end, so never exported: 2 'query 6' of 'db', open for up to "
    )
    assert line.endswith("; and 2 more")


def test_the_end_of_the_process_says_it_too() -> None:
    script = """
import pyspan
tracer = pyspan.configure("shop", exporter="none").get_tracer("db")
tracer.start_span("query")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=50)
    assert "1 spans were dropped without an end, so never exported: 1 'query' of 'db'" in done.stderr
