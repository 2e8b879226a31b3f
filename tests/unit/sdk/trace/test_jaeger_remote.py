"""Sampling as Jaeger says: its answers over real HTTP, what holds when it fails, threads and processes."""

from __future__ import annotations

import gc
import logging
import re
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context, trace

from pyspan.errors import ConfigurationError, MalformedError
from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace._jaeger_strategy import parse
from pyspan.sdk.trace.sampling import ALWAYS_ON, Decision, JaegerRemoteSampler, ParentBased, StaticSampler
from tests.support.ports import free_port
from tests.support.sampling_server import SamplingServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = trace.set_span_in_context(trace.INVALID_SPAN)
ALL = {"strategyType": "PROBABILISTIC", "probabilisticSampling": {"samplingRate": 1}}
NOTHING = {"strategyType": "PROBABILISTIC", "probabilisticSampling": {"samplingRate": 0}}
QUICK = 0.02


@pytest.fixture
def server() -> Iterator[SamplingServer]:
    with SamplingServer(ALL) as server:
        yield server


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def is_sampled(sampler: JaegerRemoteSampler, name: str = "x", trace_id: int = 1) -> bool:
    return sampler.should_sample(ROOT, trace_id, name).decision.is_sampled()


def pollers() -> int:
    return sum(thread.name == "pyspan-sampling" for thread in threading.enumerate())


def test_the_initial_sampler_decides_until_the_first_answer(server: SamplingServer) -> None:
    sampler = JaegerRemoteSampler("my shop", server.endpoint, initial_sampler=0.0)
    assert not server.asked, "nothing is asked before the first span"
    server.may_answer.clear()
    assert not is_sampled(sampler)
    server.may_answer.set()
    wait_for(lambda: is_sampled(sampler))
    assert server.asked == ["/sampling?service=my+shop"]


def test_a_changed_strategy_is_taken_up(server: SamplingServer) -> None:
    sampler = JaegerRemoteSampler("shop", server.endpoint, initial_sampler=0.0, polling_interval=QUICK)
    wait_for(lambda: is_sampled(sampler))
    server.strategy = NOTHING
    wait_for(lambda: not is_sampled(sampler))


NO_NAME = b'{"operation": "\\ud800", "probabilisticSampling": {"samplingRate": 1}}'
BAD_ANSWERS = [
    b"",
    b"[]",
    b"{}",
    b'{"probabilisticSampling": {"samplingRate": 2}}',
    b'{"operationSampling": {"perOperationStrategies": [%b]}}' % NO_NAME,
    b"{" * 9999,
]


@pytest.mark.parametrize("answer", BAD_ANSWERS)
def test_the_last_good_answer_holds_while_answers_are_bad(
    server: SamplingServer, answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        sampler = JaegerRemoteSampler("shop", server.endpoint, initial_sampler=0.0, polling_interval=QUICK)
        wait_for(lambda: is_sampled(sampler))
        server.strategy = answer
        asked = len(server.asked)
        wait_for(lambda: len(server.asked) > asked + 3)
        assert is_sampled(sampler)
        server.strategy = NOTHING
        wait_for(lambda: not is_sampled(sampler))
        wait_for(lambda: len(caplog.messages) > 1)
    failed, again = caplog.messages
    assert failed.startswith(f"{server.endpoint}/sampling gives no sampling strategy: ")
    assert failed.endswith("; the last one, Probabilistic(rate=1), holds")
    assert again == f"{server.endpoint}/sampling gives a sampling strategy again"


def test_a_server_that_refuses_leaves_the_initial_sampler(
    server: SamplingServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.status = 503
    sampler = JaegerRemoteSampler("shop", server.endpoint, initial_sampler=ALWAYS_ON)
    assert is_sampled(sampler)
    wait_for(lambda: caplog.messages)
    assert "HTTP Error 503" in caplog.text
    assert "the initial sampler holds" in caplog.text
    assert is_sampled(sampler)


FORGED = "gone\r2026-01-01 ERROR the admin password was changed\x85\x1b[31m"


def forged_reason(server: SamplingServer) -> None:
    server.status, server.reason = 503, FORGED


def forged_field(server: SamplingServer) -> None:
    server.strategy = {"operationSampling": FORGED.replace("\r", "\r\n")}


def forged_protocol(server: SamplingServer) -> None:
    server.protocol = f"JTTP/1.1 {FORGED} "


@pytest.mark.parametrize("forge", [forged_reason, forged_field, forged_protocol])
def test_a_server_writes_no_lines_of_its_own_into_the_log(
    forge: Callable[[SamplingServer], None], server: SamplingServer, caplog: pytest.LogCaptureFixture
) -> None:
    forge(server)
    is_sampled(JaegerRemoteSampler("shop", server.endpoint))
    wait_for(lambda: caplog.messages)
    (message,) = caplog.messages
    assert "gone\\r" in message
    assert "was changed\\x85\\x1b[31m" in message
    assert message.isprintable()


def test_a_redirect_to_what_is_no_url_does_not_end_the_asking(
    server: SamplingServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.status, server.location = 302, "http://[nowhere"
    sampler = JaegerRemoteSampler("shop", server.endpoint, initial_sampler=0.0, polling_interval=QUICK)
    assert not is_sampled(sampler)
    wait_for(lambda: caplog.messages)
    assert "Invalid IPv6 URL" in caplog.text
    server.status = 200
    wait_for(lambda: is_sampled(sampler))


def test_a_long_answer_makes_no_long_line_in_the_log(server: SamplingServer, caplog: pytest.LogCaptureFixture) -> None:
    operations = [{"operation": f"GET /{n}", "probabilisticSampling": {"samplingRate": 1}} for n in range(1000)]
    server.strategy = {"operationSampling": {"defaultSamplingProbability": 1, "perOperationStrategies": operations}}
    sampler = JaegerRemoteSampler("shop", server.endpoint, initial_sampler=0.0, polling_interval=QUICK)
    wait_for(lambda: is_sampled(sampler))
    server.status, server.reason = 503, "x" * 10_000
    wait_for(lambda: caplog.messages)
    assert len(caplog.messages[0]) < 1000


def test_a_server_that_is_not_there_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    sampler = JaegerRemoteSampler(
        "shop", f"http://127.0.0.1:{free_port()}", initial_sampler=ALWAYS_ON, polling_interval=QUICK
    )
    assert is_sampled(sampler)
    wait_for(lambda: caplog.messages)
    for _ in range(3):
        sampler._refresh()
    assert len(caplog.messages) == 1
    assert is_sampled(sampler)


def test_a_rate_limit_is_held_and_goes_on_while_it_stays_the_same(server: SamplingServer) -> None:
    server.strategy = {"strategyType": "RATE_LIMITING", "rateLimitingSampling": {"maxTracesPerSecond": 0}}
    sampler = JaegerRemoteSampler("shop", server.endpoint, initial_sampler=ALWAYS_ON, polling_interval=QUICK)
    wait_for(lambda: not is_sampled(sampler))
    limit = {"maxTracesPerSecond": 0.00001}
    server.strategy = {"strategyType": "RATE_LIMITING", "rateLimitingSampling": limit}
    wait_for(lambda: is_sampled(sampler))
    asked = len(server.asked)
    wait_for(lambda: len(server.asked) > asked + 3)
    assert not is_sampled(sampler), "the bucket was not filled anew"


def test_operations_have_shares_of_their_own(server: SamplingServer) -> None:
    server.strategy = {
        "strategyType": "PROBABILISTIC",
        "probabilisticSampling": {"samplingRate": 1},
        "operationSampling": {
            "defaultSamplingProbability": 0,
            "perOperationStrategies": [{"operation": "GET /", "probabilisticSampling": {"samplingRate": 0.5}}],
        },
    }
    sampler = JaegerRemoteSampler("shop", server.endpoint, initial_sampler=ALWAYS_ON)
    wait_for(lambda: not is_sampled(sampler, "POST /"))
    answer = sampler.should_sample(ROOT, 1 << 55, "GET /")
    assert answer.decision.is_sampled()
    assert answer.trace_state is not None
    assert answer.trace_state["ot"] == "th:8"
    assert not is_sampled(sampler, "GET /")


def test_a_lower_bound_keeps_some_that_count_for_none(server: SamplingServer) -> None:
    server.strategy = {
        "operationSampling": {"defaultSamplingProbability": 0, "defaultLowerBoundTracesPerSecond": 0.00001}
    }
    sampler = JaegerRemoteSampler("shop", server.endpoint, initial_sampler=ALWAYS_ON, polling_interval=QUICK)
    wait_for(lambda: sampler.should_sample(ROOT, 1, "x").attributes.get("sampler.adjusted_count") == 0.0)
    assert not is_sampled(sampler)


def test_roots_under_parentbased_are_decided_without_python(server: SamplingServer) -> None:
    sampler = ParentBased(JaegerRemoteSampler("shop", server.endpoint, initial_sampler=0.0))
    assert sampler._native is not None
    tracer = TracerProvider(sampler, shutdown_on_exit=False).get_tracer("x")

    def starts_sampled() -> bool:
        span = tracer.start_span("x", ROOT)
        span.end()
        return span.get_span_context().trace_flags.sampled

    wait_for(starts_sampled)


def test_the_requests_are_not_traced_by_instrumentations(server: SamplingServer) -> None:
    suppressed: list[bool] = []

    class Looking(JaegerRemoteSampler):
        def _fetch(self) -> bytes:
            suppressed.append(bool(context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY)))
            return super()._fetch()

    sampler = Looking("shop", server.endpoint)
    is_sampled(sampler)
    wait_for(lambda: server.asked)
    assert suppressed == [True]


def test_the_thread_ends_with_the_sampler(server: SamplingServer) -> None:
    before = pollers()
    sampler = JaegerRemoteSampler("shop", server.endpoint)
    is_sampled(sampler)
    assert pollers() == before + 1
    wait_for(lambda: server.asked)
    del sampler
    gc.collect()
    wait_for(lambda: pollers() == before)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b'{"strategyType": 1, "rateLimitingSampling": {"maxTracesPerSecond": 7}}', "RateLimiting(per_second=7)"),
        (b'{"strategyType": 0, "probabilisticSampling": {"samplingRate": 0.5}}', "Probabilistic(rate=0.5)"),
        (b'{"probabilisticSampling": {"samplingRate": 0.5}, "rateLimitingSampling": null}', "Probabilistic(rate=0.5)"),
        (b'{"probabilisticSampling": {}}', "Probabilistic(rate=0)"),
        (
            b'{"operationSampling": {"defaultSamplingProbability": 0.1, "defaultUpperBoundTracesPerSecond": 9}}',
            "PerOperation(rates={}, others=0.1, least=0)",
        ),
    ],
)
def test_answers_of_every_form_are_read(answer: bytes, expected: str) -> None:
    assert str(parse(answer)) == expected


@pytest.mark.parametrize(
    "answer",
    [
        b"\xff",
        b"null",
        b'{"probabilisticSampling": 1}',
        b'{"probabilisticSampling": {"samplingRate": "0.5"}}',
        b'{"strategyType": "RATE_LIMITING"}',
        b'{"strategyType": [], "rateLimitingSampling": {"maxTracesPerSecond": -1}}',
        b'{"operationSampling": {"perOperationStrategies": 5}}',
        b'{"operationSampling": {"perOperationStrategies": [{"operation": "x"}]}}',
        b'{"operationSampling": [1]}',
    ],
)
def test_answers_that_say_nothing_usable_are_refused(answer: bytes) -> None:
    with pytest.raises(MalformedError, match="no sampling strategy: "):
        parse(answer)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"service_name": ""}, "service_name=''"),
        ({"endpoint": "jaeger:5778"}, "endpoint='jaeger:5778'"),
        ({"endpoint": "http://jaeger:port"}, "write the HTTP endpoint"),
        ({"endpoint": "http://me:secret@jaeger"}, "leave out user and password"),
        ({"endpoint": "http://jaeger:14250"}, "14250 is Jaeger's port for gRPC"),
        ({"endpoint": None}, "endpoint=None"),
        ({"polling_interval": 0}, "polling_interval=0"),
        ({"initial_sampler": 1.5}, "rate=1.5"),
        ({"initial_sampler": "always_on"}, "rate='always_on'"),
        ({"initial_sampler": StaticSampler(Decision.RECORD_ONLY)}, "a sampler that decides without Python"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(arguments: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(fault)) as raised:
        JaegerRemoteSampler(**{"service_name": "shop", **arguments})
    assert "secret" not in str(raised.value)
