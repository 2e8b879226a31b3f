"""Samplers: decisions as the SDK's, and native twins that decide the same."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from pyspan.sdk.trace import IdGenerator, TracerProvider
from pyspan.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    AlwaysRecordSampler,
    Decision,
    ParentBased,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
    StaticSampler,
    TraceIdRatioBased,
    _get_from_env_or_default,
)

if TYPE_CHECKING:
    from opentelemetry.context import Context

HALF = 1 << 63
STATE = TraceState([("vendor", "x")])


def under(sampled: bool, remote: bool) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return trace.set_span_in_context(NonRecordingSpan(SpanContext(1, 2, remote, flags, STATE)))


class Fixed(IdGenerator):
    def __init__(self, trace_id: int) -> None:
        self.trace_id = trace_id

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return 5


class Named(StaticSampler):
    """Says which delegate was asked."""

    def __init__(self, name: str) -> None:
        super().__init__(Decision.RECORD_AND_SAMPLE)
        self.name = name

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        return SamplingResult(Decision.RECORD_AND_SAMPLE, {"by": self.name})


@pytest.mark.parametrize(
    ("decision", "recording", "sampled"),
    [(Decision.DROP, False, False), (Decision.RECORD_ONLY, True, False), (Decision.RECORD_AND_SAMPLE, True, True)],
)
def test_a_decision_tells_recording_and_sampling(decision: Decision, recording: bool, sampled: bool) -> None:
    assert (decision.is_recording(), decision.is_sampled()) == (recording, sampled)


def test_a_result_holds_read_only_attributes() -> None:
    given_attributes = {"a": 1}
    result = SamplingResult(Decision.DROP, given_attributes, STATE)
    assert dict(result.attributes) == {"a": 1}
    assert result.trace_state is STATE
    with pytest.raises(TypeError):
        result.attributes["b"] = 2  # type: ignore[index]  # that is what is tested


def test_static_samplers_decide_alike_whatever_the_parent() -> None:
    for context in (None, under(sampled=True, remote=True), under(sampled=False, remote=False)):
        assert ALWAYS_ON.should_sample(context, 7, "x", attributes={"a": 1}).decision is Decision.RECORD_AND_SAMPLE
        dropped = ALWAYS_OFF.should_sample(context, 7, "x", attributes={"a": 1})
        assert dropped.decision is Decision.DROP
        assert not dropped.attributes


def test_the_parent_s_trace_state_is_handed_on() -> None:
    assert ALWAYS_ON.should_sample(under(sampled=True, remote=True), 1, "x").trace_state == STATE
    assert ALWAYS_ON.should_sample(trace.set_span_in_context(trace.INVALID_SPAN), 1, "x").trace_state is None


def test_a_share_of_traces_is_sampled_by_the_low_64_bits() -> None:
    half = TraceIdRatioBased(0.5)
    assert half.bound == HALF
    assert half.rate == 0.5
    assert half.should_sample(None, (1 << 100) + HALF - 1, "x").decision is Decision.RECORD_AND_SAMPLE
    assert half.should_sample(None, HALF, "x").decision is Decision.DROP


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan"), "0.5", None, True])
def test_what_is_no_share_is_refused(rate: Any) -> None:
    with pytest.raises(ValueError, match="give a number from 0 to 1"):
        TraceIdRatioBased(rate)


@pytest.mark.parametrize("delegate", [None, 0.5, "always_on", Sampler])
def test_what_is_no_sampler_is_refused_as_a_delegate(delegate: Any) -> None:
    for make in (ParentBased, AlwaysRecordSampler, lambda given: ParentBased(ALWAYS_ON, given)):
        with pytest.raises(ValueError, match=r"root must not be None|give a Sampler"):
            make(delegate)


@pytest.mark.parametrize("sampler", [0.5, "always_on", Sampler])
def test_what_is_no_sampler_is_refused_by_the_provider(sampler: Any) -> None:
    with pytest.raises(ValueError, match="give a Sampler"):
        TracerProvider(sampler)


def test_the_extreme_shares_are_all_and_nothing() -> None:
    assert TraceIdRatioBased(1.0).should_sample(None, (1 << 64) - 1, "x").decision is Decision.RECORD_AND_SAMPLE
    assert TraceIdRatioBased(0.0).should_sample(None, 1 << 64, "x").decision is Decision.DROP


@pytest.mark.parametrize(
    ("context", "asked"),
    [
        (trace.set_span_in_context(trace.INVALID_SPAN), "root"),
        (under(sampled=True, remote=True), "remote sampled"),
        (under(sampled=False, remote=True), "remote not"),
        (under(sampled=True, remote=False), "local sampled"),
        (under(sampled=False, remote=False), "local not"),
    ],
)
def test_the_parent_chooses_the_delegate(context: Context, asked: str) -> None:
    names = ("root", "remote sampled", "remote not", "local sampled", "local not")
    sampler = ParentBased(*[Named(name) for name in names])
    assert dict(sampler.should_sample(context, 1, "x").attributes) == {"by": asked}


def test_what_would_be_dropped_is_recorded_on_demand() -> None:
    assert AlwaysRecordSampler(ALWAYS_OFF).should_sample(None, 1, "x").decision is Decision.RECORD_ONLY
    assert AlwaysRecordSampler(ALWAYS_ON).should_sample(None, 1, "x").decision is Decision.RECORD_AND_SAMPLE


def test_descriptions_name_the_settings() -> None:
    assert ALWAYS_ON.get_description() == "AlwaysOnSampler"
    assert ALWAYS_OFF.get_description() == "AlwaysOffSampler"
    assert TraceIdRatioBased(0.25).get_description() == "TraceIdRatioBased{0.25}"
    assert DEFAULT_ON.get_description() == (
        "ParentBased{root:AlwaysOnSampler,remoteParentSampled:AlwaysOnSampler,"
        "remoteParentNotSampled:AlwaysOffSampler,localParentSampled:AlwaysOnSampler,"
        "localParentNotSampled:AlwaysOffSampler}"
    )


@pytest.mark.parametrize(
    ("name", "argument", "description"),
    [
        ("", "", DEFAULT_ON.get_description()),
        ("always_on", "", "AlwaysOnSampler"),
        ("ALWAYS_OFF", "", "AlwaysOffSampler"),
        ("parentbased_always_off", "", DEFAULT_OFF.get_description()),
        ("traceidratio", "0.5", "TraceIdRatioBased{0.5}"),
        ("traceidratio", "many", "TraceIdRatioBased{1.0}"),
        ("parentbased_traceidratio", "0.2", ParentBasedTraceIdRatio(0.2).get_description()),
        ("no_such", "", DEFAULT_ON.get_description()),
    ],
)
def test_the_environment_chooses_the_sampler(
    monkeypatch: pytest.MonkeyPatch, name: str, argument: str, description: str
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", name)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    assert _get_from_env_or_default().get_description() == description


SAMPLERS = [ALWAYS_ON, ALWAYS_OFF, DEFAULT_ON, DEFAULT_OFF, TraceIdRatioBased(0.3), ParentBasedTraceIdRatio(0.6)]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=Sampler.get_description)
@given(trace_id=st.integers(1, (1 << 128) - 1), sampled=st.booleans(), remote=st.booleans(), root=st.booleans())
def test_the_native_twin_decides_the_same(
    sampler: Sampler, trace_id: int, sampled: bool, remote: bool, root: bool
) -> None:
    provider = TracerProvider(sampler, id_generator=Fixed(trace_id), shutdown_on_exit=False)
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    parent = NonRecordingSpan(SpanContext(trace_id, 2, remote, flags))
    context = trace.set_span_in_context(trace.INVALID_SPAN if root else parent)
    span = provider.get_tracer("x").start_span("x", context)
    assert sampler._native is not None
    expected = sampler.should_sample(context, trace_id, "x").decision
    assert span.is_recording() == expected.is_recording()
    assert span.get_span_context().trace_flags.sampled == expected.is_sampled()
    span.end()


def test_a_sampler_that_decides_differently_has_no_native_twin() -> None:
    assert Named("x")._native is None
    assert ParentBased(Named("x"))._native is None
    assert StaticSampler(Decision.RECORD_ONLY)._native is None


def test_a_sampler_of_the_user_s_is_asked_and_its_answer_holds() -> None:
    asked: list[Any] = []

    class Own(Sampler):
        def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
            asked.append(args)
            return SamplingResult(Decision.RECORD_ONLY, {"why": "own"}, STATE)

        def get_description(self) -> str:
            return "Own"

    tracer = TracerProvider(Own(), shutdown_on_exit=False).get_tracer("x")
    span: Any = tracer.start_span("name", kind=trace.SpanKind.CLIENT, attributes={"a": random.random()})
    assert dict(span.attributes) == {"why": "own"}
    assert span.get_span_context().trace_state == STATE
    assert not span.get_span_context().trace_flags.sampled
    assert span.is_recording()
    assert asked[0][2:4] == ("name", trace.SpanKind.CLIENT)
    span.end()
