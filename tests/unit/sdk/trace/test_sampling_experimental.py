"""Samplers by threshold: the specification's decisions and trace states, natively and in Python alike."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from pyspan.errors import ConfigurationError
from pyspan.sdk.trace import IdGenerator, TracerProvider
from pyspan.sdk.trace.sampling import (
    ALWAYS_OFF,
    ComposableSampler,
    Decision,
    ParentBased,
    ProbabilitySampler,
    Sampler,
    SamplingIntent,
    composable_always_off,
    composable_always_on,
    composable_annotating,
    composable_parent_threshold,
    composable_rule_based,
    composable_traceid_ratio_based,
    composite_sampler,
)

if TYPE_CHECKING:
    from opentelemetry.context import Context

HALF = 1 << 55
ROOT = trace.set_span_in_context(trace.INVALID_SPAN)
ids = st.integers(1, (1 << 128) - 1)
states = st.sampled_from(
    ["", "ot=th:8", "ot=th:c;rv:a0000000000000", "a=1,ot=rv:10000000000000;x:y", "b=2", "ot=th:zz"]
)


def under(trace_id: int, header: str, *, sampled: bool = True) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    state = TraceState.from_header([header])
    return trace.set_span_in_context(
        NonRecordingSpan(SpanContext(trace_id, 2, is_remote=True, trace_flags=flags, trace_state=state))
    )


def header(answer: Any) -> str:
    return answer.trace_state.to_header() if answer.trace_state else ""


def asked(sampler: Sampler, trace_id: int, context: Context = ROOT) -> tuple[bool, str]:
    answer = sampler.should_sample(context, trace_id, "x")
    return answer.decision is Decision.RECORD_AND_SAMPLE, header(answer)


class InPython:
    """Hides the native twin of a composable sampler."""

    def __init__(self, hidden: ComposableSampler) -> None:
        self.sampling_intent = hidden.sampling_intent
        self.get_description = hidden.get_description


class Fixed(IdGenerator):
    def __init__(self, trace_id: int) -> None:
        self.trace_id = trace_id

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return 5


def test_a_share_is_decided_by_the_low_56_bits_and_written_down() -> None:
    half = ProbabilitySampler(0.5)
    assert asked(half, (7 << 100) | HALF) == (True, "ot=th:8")
    assert asked(half, ((1 << 128) - 1) ^ HALF) == (False, "")


def test_explicit_randomness_comes_before_the_trace_id() -> None:
    assert asked(ProbabilitySampler(0.5), 1, under(1, "ot=rv:80000000000000")) == (True, "ot=th:8;rv:80000000000000")
    low = "ot=rv:7fffffffffffff"
    assert asked(ProbabilitySampler(0.5), HALF, under(HALF, low)) == (False, low)


def test_the_extreme_shares_are_all_and_nothing() -> None:
    assert asked(ProbabilitySampler(1), 1 << 56) == (True, "ot=th:0")
    assert asked(ProbabilitySampler(0), (1 << 128) - 1) == (False, "")


def test_a_quarter_of_random_traces_is_a_quarter() -> None:
    draw = random.Random(7)
    kept = sum(asked(ProbabilitySampler(0.25), draw.getrandbits(128))[0] for _ in range(10_000))
    assert abs(kept - 2500) < 130  # three standard deviations


@given(trace_id=ids, rates=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_what_a_low_share_keeps_a_higher_one_keeps_too(trace_id: int, rates: tuple[float, float]) -> None:
    low, high = sorted(rates)
    if asked(ProbabilitySampler(low), trace_id)[0]:
        assert asked(ProbabilitySampler(high), trace_id)[0]


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan"), "0.5", None, True, [0.5]])
def test_what_is_no_share_is_refused_where_the_sampler_is_made(rate: Any) -> None:
    for make in (ProbabilitySampler, composable_traceid_ratio_based):
        with pytest.raises(ConfigurationError, match="give a number from 0 to 1"):
            make(rate)


def test_numbers_of_numpy_are_shares() -> None:
    assert asked(ProbabilitySampler(np.float32(0.5)), HALF) == (True, "ot=th:8")


def test_a_span_under_a_threshold_keeps_it_and_a_root_is_the_delegates() -> None:
    follower = composite_sampler(composable_parent_threshold(composable_traceid_ratio_based(0.5)))
    assert asked(follower, HALF, under(HALF, "ot=th:4,a=1")) == (True, "ot=th:4,a=1")
    assert asked(follower, 1, under(1, "a=1")) == (True, "a=1")
    assert asked(follower, HALF, under(HALF, "", sampled=False)) == (False, "")
    assert asked(follower, HALF) == (True, "ot=th:8")


def test_a_threshold_that_a_sampled_parent_contradicts_is_erased() -> None:
    follower = composite_sampler(composable_parent_threshold(composable_always_off()))
    assert asked(follower, 1, under(1, "a=1,ot=th:8")) == (True, "a=1")


def test_the_span_carries_the_threshold_on_to_its_children_and_over_the_wire() -> None:
    sampler = composite_sampler(composable_parent_threshold(composable_traceid_ratio_based(0.5)))
    tracer = TracerProvider(sampler, id_generator=Fixed(HALF), shutdown_on_exit=False).get_tracer("x")
    with tracer.start_as_current_span("root") as root, tracer.start_as_current_span("child") as child:
        for span in (root, child):
            assert span.get_span_context().trace_state.to_header() == "ot=th:8"
            assert span.get_span_context().trace_flags.sampled


def test_a_sampler_by_threshold_can_be_the_root_of_parentbased() -> None:
    sampler = ParentBased(ProbabilitySampler(0.5), remote_parent_sampled=ALWAYS_OFF)
    assert sampler._native is not None
    tracer = TracerProvider(sampler, id_generator=Fixed(HALF), shutdown_on_exit=False).get_tracer("x")
    root = tracer.start_span("root", ROOT)
    assert root.get_span_context().trace_state.to_header() == "ot=th:8"
    root.end()
    assert not tracer.start_span("below", under(HALF, "")).is_recording()


COMPOSABLES = [
    composable_always_on(),
    composable_always_off(),
    composable_traceid_ratio_based(0.3),
    composable_parent_threshold(composable_traceid_ratio_based(0.6)),
]


@pytest.mark.parametrize("composable", COMPOSABLES, ids=lambda one: one.get_description())
@given(trace_id=ids, state=states, sampled=st.booleans(), root=st.booleans())
def test_the_native_twin_the_tracer_and_python_decide_alike(
    composable: ComposableSampler, trace_id: int, state: str, sampled: bool, root: bool
) -> None:
    context = ROOT if root else under(trace_id, state, sampled=sampled)
    natively, in_python = composite_sampler(composable), composite_sampler(InPython(composable))
    assert natively._native is not None
    assert in_python._native is None
    assert asked(natively, trace_id, context) == asked(in_python, trace_id, context)
    for sampler in (natively, in_python):
        tracer = TracerProvider(sampler, id_generator=Fixed(trace_id), shutdown_on_exit=False).get_tracer("x")
        span = tracer.start_span("x", context)
        found = span.get_span_context()
        assert (found.trace_flags.sampled, found.trace_state.to_header()) == asked(natively, trace_id, context)
        span.end()


@pytest.mark.parametrize("name", ["composable_always_on", "composable_always_off", "composable_traceid_ratio_based"])
@given(trace_id=ids, state=states, ratio=st.floats(0, 1))
def test_decisions_and_trace_states_are_those_of_the_sdk(name: str, trace_id: int, state: str, ratio: float) -> None:
    theirs = pytest.importorskip("opentelemetry.sdk.trace._sampling_experimental")
    arguments = [ratio] if "ratio" in name else []
    context, trace_state = under(trace_id, state), TraceState.from_header([state])
    sampler = theirs.composite_sampler(getattr(theirs, name)(*arguments))
    expected = sampler.should_sample(context, trace_id, "x", trace_state=trace_state)
    ours = composite_sampler(globals()[name](*arguments))
    assert sampler.get_description() == ours.get_description()
    answer = ours.should_sample(context, trace_id, "x", trace_state=trace_state)
    assert answer.decision.name == expected.decision.name
    if answer.decision.is_sampled():  # of what it drops, theirs leaves a threshold that stands alone
        assert (answer.trace_state or TraceState()).get("ot") == (expected.trace_state or TraceState()).get("ot")


def test_rules_are_asked_in_order_and_where_none_holds_nothing_is_sampled() -> None:
    def is_health(name: str, **_: Any) -> bool:
        return name == "GET /health"

    def is_get(name: str, **_: Any) -> bool:
        return name.startswith("GET")

    sampler = composite_sampler(
        composable_rule_based([(is_health, composable_always_off()), (is_get, composable_always_on())])
    )
    answers = [sampler.should_sample(ROOT, 1, name) for name in ("GET /health", "GET /", "POST /")]
    assert [answer.decision.is_sampled() for answer in answers] == [False, True, False]
    assert [answer.trace_state for answer in answers] == [None, TraceState([("ot", "th:0")]), None]


def test_attributes_of_an_intent_join_those_of_the_span() -> None:
    sampler = composite_sampler(composable_annotating({"rule": "all"}, composable_always_on()))
    tracer = TracerProvider(sampler, shutdown_on_exit=False).get_tracer("x")
    span: Any = tracer.start_span("x", attributes={"a": 1})
    assert dict(span.attributes) == {"a": 1, "rule": "all"}
    span.end()


def test_an_intent_may_change_the_rest_of_the_trace_state() -> None:
    class Own:
        def sampling_intent(self, *_: Any) -> SamplingIntent:
            return SamplingIntent(HALF, update_trace_state=lambda state: state.add("own", "1"))

        def get_description(self) -> str:
            return "Own"

    assert asked(composite_sampler(Own()), HALF, under(HALF, "a=1")) == (True, "ot=th:8,own=1,a=1")


def test_a_composable_sampler_that_raises_loses_no_span(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def sampling_intent(self, *_: Any) -> SamplingIntent:
            raise RuntimeError("broken rule")

        def get_description(self) -> str:
            return "Broken"

    tracer = TracerProvider(composite_sampler(Broken()), shutdown_on_exit=False).get_tracer("x")
    span = tracer.start_span("x")
    assert span.is_recording()
    span.end()
    assert "the sampler failed" in caplog.text


@pytest.mark.parametrize("given_value", [None, 0.5, ALWAYS_OFF, ComposableSampler])
def test_what_is_no_composable_sampler_is_refused_where_it_is_given(given_value: Any) -> None:
    for make in (composite_sampler, composable_parent_threshold):
        with pytest.raises(ConfigurationError, match="give a composable sampler"):
            make(given_value)


def test_an_overridden_decision_is_asked_in_python() -> None:
    class Own(ProbabilitySampler):
        def should_sample(self, *args: Any, **kwargs: Any) -> Any:
            answer = super().should_sample(*args, **kwargs)
            answer.decision = Decision.DROP
            return answer

    assert Own(1.0)._native is None
    assert not TracerProvider(Own(1.0), shutdown_on_exit=False).get_tracer("x").start_span("x").is_recording()
