"""Samplers that hold a rate: one after another, and over threads."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from opentelemetry import trace

from pyspan.errors import ConfigurationError
from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.sampling import (
    AdaptiveSampler,
    Decision,
    ParentBased,
    ProbabilitySampler,
    RateLimitingSampler,
    Sampler,
)

ROOT = trace.set_span_in_context(trace.INVALID_SPAN)
# No token comes back while a test runs.
SLOW = 1e-6


def kept(sampler: Sampler, tries: int) -> int:
    decisions = (sampler.should_sample(ROOT, number + 1, "x").decision for number in range(tries))
    return sum(decision is Decision.RECORD_AND_SAMPLE for decision in decisions)


def test_a_bucket_gives_its_burst_and_no_more() -> None:
    assert kept(RateLimitingSampler(SLOW, burst=5), 1000) == 5
    assert kept(RateLimitingSampler(0), 100) == 0
    assert kept(RateLimitingSampler(1e9), 100) == 100


def test_what_is_kept_says_for_how_many_it_stands() -> None:
    sampler = RateLimitingSampler(SLOW, burst=2)
    tracer = TracerProvider(ParentBased(sampler), shutdown_on_exit=False).get_tracer("x")
    span: Any = tracer.start_span("x", ROOT, attributes={"a": 1})
    assert dict(span.attributes) == {"a": 1, "sampler.adjusted_count": 1.0}
    with trace.use_span(span, end_on_exit=True):
        below: Any = tracer.start_span("below")
        assert dict(below.attributes) == {}
        below.end()


def test_a_count_holds_those_that_were_skipped() -> None:
    sampler = RateLimitingSampler(50, burst=1)
    assert sampler.should_sample(ROOT, 1, "x").decision.is_sampled()
    skipped = 0
    deadline = time.monotonic() + 30
    while not (answer := sampler.should_sample(ROOT, 1, "x")).decision.is_sampled() and time.monotonic() < deadline:
        skipped += 1
    assert dict(answer.attributes) == {"sampler.adjusted_count": skipped + 1.0}


def test_a_rate_erases_a_threshold_that_it_has_not_decided_by() -> None:
    sampler = RateLimitingSampler(100)
    parent = TracerProvider(ProbabilitySampler(1.0), shutdown_on_exit=False).get_tracer("x").start_span("x", ROOT)
    assert parent.get_span_context().trace_state["ot"] == "th:0"
    answer = sampler.should_sample(trace.set_span_in_context(parent), 1, "x")
    assert not answer.trace_state
    parent.end()


def test_many_threads_keep_no_more_than_the_bucket_holds() -> None:
    tracer = TracerProvider(RateLimitingSampler(SLOW, burst=100), shutdown_on_exit=False).get_tracer("x")
    sampled: list[bool] = []

    def work() -> None:
        for _ in range(500):
            span = tracer.start_span("x", ROOT)
            sampled.append(span.is_recording())
            span.end()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(sampled), len(sampled)) == (100, 4000)


def test_traffic_below_the_target_is_kept_whole_and_counts_one_each() -> None:
    sampler = AdaptiveSampler(1000)
    answer = sampler.should_sample(ROOT, 1, "x")
    assert dict(answer.attributes) == {"sampler.adjusted_count": 1.0}


def test_traffic_above_the_target_is_thinned_by_the_randomness_of_the_trace() -> None:
    sampler = AdaptiveSampler(10)
    assert kept(sampler, 20_000) < 1000
    highest = sampler.should_sample(ROOT, (1 << 56) - 1, "x")
    assert highest.decision.is_sampled()
    assert highest.attributes["sampler.adjusted_count"] > 10
    assert not sampler.should_sample(ROOT, 1 << 56, "x").decision.is_sampled()


@pytest.mark.parametrize("rate", [-1, float("nan"), float("inf"), "10", None, True])
def test_what_is_no_rate_is_refused_where_the_sampler_is_made(rate: Any) -> None:
    for make in (RateLimitingSampler, AdaptiveSampler):
        with pytest.raises(ConfigurationError, match="per_second="):
            make(rate)


def test_a_bucket_without_a_token_and_a_target_of_nothing_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="burst=0"):
        RateLimitingSampler(1, burst=0)
    with pytest.raises(ConfigurationError, match="ALWAYS_OFF"):
        AdaptiveSampler(0)
