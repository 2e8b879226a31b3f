"""The sampler that asks Jaeger beside a real one: its strategies of each kind, and its absence."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, Tracer

from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.sampling import JaegerRemoteSampler, ParentBased
from tests.integration.peers import running
from tools.components.jaeger import Jaeger

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

QUARTER = 0.25
A_SECOND = 2
RANDOMNESS = 2**56
STRATEGIES = {
    "default_strategy": {"type": "probabilistic", "param": 1.0},
    "service_strategies": [
        {"service": "a quarter & möre", "type": "probabilistic", "param": QUARTER},
        {"service": "limited", "type": "ratelimiting", "param": A_SECOND},
        {"service": "limited to nothing", "type": "ratelimiting", "param": 0},
        {
            "service": "by operation",
            "type": "probabilistic",
            "param": 0.0,
            "operation_strategies": [
                {"operation": "GET /orders/{id}", "type": "probabilistic", "param": 1.0},
                {"operation": "GET /", "type": "probabilistic", "param": QUARTER},
                {"operation": "no share is given", "type": "ratelimiting", "param": 5},
            ],
        },
        {
            "service": "limited but for operations",
            "type": "ratelimiting",
            "param": 5,
            "operation_strategies": [{"operation": "GET /", "type": "probabilistic", "param": 1.0}],
        },
    ],
}


@pytest.fixture(scope="module")
def sampling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the strategies, and say where."""
    with running(Jaeger(tmp_path_factory.mktemp("sampling"), strategies=STRATEGIES)) as jaeger:
        yield jaeger.sampling_url


def asking(service: str, endpoint: str, *, initial: float = 0.0, pause: float = 60.0) -> Tracer:
    sampler = JaegerRemoteSampler(service, endpoint, polling_interval=pause, initial_sampler=initial)
    return TracerProvider(ParentBased(sampler), shutdown_on_exit=False).get_tracer("shop")


def root(tracer: Tracer, name: str = "GET /") -> SpanContext:
    span = tracer.start_span(name, Context())
    span.end()
    return span.get_span_context()


def is_sampled(tracer: Tracer, name: str = "GET /") -> bool:
    return root(tracer, name).trace_flags.sampled


def is_in_quarter(context: SpanContext) -> bool:
    """Say whether OpenTelemetry's probability sampling keeps a quarter of which the trace is one."""
    return context.trace_id % RANDOMNESS >= (1 - QUARTER) * RANDOMNESS


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def assert_quarter(tracer: Tracer) -> None:
    """Check each of many roots against the threshold that it must have been held to."""
    roots = [root(tracer) for _ in range(400)]
    assert [context.trace_flags.sampled for context in roots] == list(map(is_in_quarter, roots))
    assert {context.trace_state.get("ot") for context in roots if context.trace_flags.sampled} == {"th:c"}


def test_a_service_keeps_the_share_that_jaeger_has_for_it(sampling: str) -> None:
    tracer = asking("a quarter & möre", sampling)
    wait_for(lambda: is_sampled(tracer))
    assert_quarter(tracer)


def test_a_service_keeps_so_many_a_second_as_jaeger_says(sampling: str) -> None:
    tracer = asking("limited", sampling)
    full = time.monotonic()
    while not is_sampled(tracer):
        full = time.monotonic()  # the bucket is full until the first that is sampled
    for _ in range(2 * A_SECOND):
        wait_for(lambda: is_sampled(tracer))
    assert time.monotonic() - full >= (2 * A_SECOND + 1 - A_SECOND) / A_SECOND


def test_a_service_that_jaeger_limits_to_nothing_keeps_nothing(sampling: str) -> None:
    tracer = asking("limited to nothing", sampling, initial=1.0)
    wait_for(lambda: not is_sampled(tracer))
    assert not any(is_sampled(tracer) for _ in range(100))


def test_operations_keep_their_shares_and_the_others_that_of_the_service(sampling: str) -> None:
    tracer = asking("by operation", sampling)
    wait_for(lambda: is_sampled(tracer, "GET /orders/{id}"))
    assert all(is_sampled(tracer, "GET /orders/{id}") for _ in range(100))
    assert not any(is_sampled(tracer, name) for name in ("POST /", "no share is given") for _ in range(100))
    assert_quarter(tracer)


def test_shares_of_operations_go_before_the_limit_of_the_service(sampling: str) -> None:
    tracer = asking("limited but for operations", sampling)
    wait_for(lambda: is_sampled(tracer))
    assert all(is_sampled(tracer) for _ in range(100))


def test_a_service_that_jaeger_does_not_know_keeps_the_default_share(sampling: str) -> None:
    tracer = asking("nobody has heard of it", sampling)
    wait_for(lambda: is_sampled(tracer))
    assert all(is_sampled(tracer) for _ in range(100))


def test_the_last_strategy_holds_while_jaeger_is_away_and_the_new_one_once_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running(Jaeger(tmp_path)) as jaeger, caplog.at_level(logging.INFO, "pyspan"):
        tracer = asking("shop", jaeger.sampling_url, pause=0.05)
        wait_for(lambda: is_sampled(tracer))
        jaeger.kill9()
        wait_for(lambda: caplog.messages)
        assert all(is_sampled(tracer) for _ in range(100))
        jaeger.strategies = {"default_strategy": {"type": "probabilistic", "param": 0.0}}
        jaeger.start()
        wait_for(lambda: not is_sampled(tracer))
        wait_for(lambda: len(caplog.messages) > 1)
        away, back = caplog.messages
    assert away.endswith("; the last one, Probabilistic(rate=1), holds")
    assert back == f"{jaeger.sampling_url}/sampling gives a sampling strategy again"
