"""Sampling by operation: environment, type, critical names, one decision for a trace."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, TraceState

from pyspan.errors import ConfigurationError
from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.sampling import CRITICAL_OPERATIONS, Decision, OperationSampler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.util.types import AttributeValue

ROOT = trace.set_span_in_context(trace.INVALID_SPAN)
RANGE = 1 << 56


def below(*, sampled: bool) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return trace.set_span_in_context(NonRecordingSpan(SpanContext(1, 2, is_remote=False, trace_flags=flags)))


def share_of(
    sampler: OperationSampler,
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> float:
    """Return the share of traces that start with such a span: its threshold, as the highest randomness tells."""
    answer = sampler.should_sample(ROOT, RANGE - 1 + RANGE, name, kind, attributes)
    if answer.decision is Decision.DROP:
        return 0.0
    assert answer.trace_state is not None
    digits = answer.trace_state["ot"].removeprefix("th:")
    return round((RANGE - int(digits.ljust(14, "0"), 16)) / RANGE, 9)


@pytest.mark.parametrize(
    ("environment", "share"),
    [("development", 1.0), ("test", 0.0), ("staging", 0.5), (" Production ", 0.1), ("qa", 0.1), ("", 0.1)],
)
def test_the_environment_gives_the_base_rate(environment: str, share: float) -> None:
    assert share_of(OperationSampler(environment), "job") == share


@pytest.mark.parametrize(
    ("kind", "attributes", "share"),
    [
        (SpanKind.SERVER, {}, 0.2),
        (SpanKind.CLIENT, {"db.system.name": "mysql"}, 0.05),
        (SpanKind.CLIENT, {"db.system": "mysql"}, 0.05),
        (SpanKind.CLIENT, {}, 0.15),
        (SpanKind.CONSUMER, {}, 0.1),
        (SpanKind.INTERNAL, {"operation.type": "api.request"}, 0.2),
        (SpanKind.SERVER, {"operation.type": "db.query"}, 0.05),
        (SpanKind.SERVER, {"operation.type": "cache"}, 0.1),
        (SpanKind.INTERNAL, {"operation.type": 7}, 0.1),
    ],
)
def test_the_type_gives_a_factor(kind: SpanKind, attributes: dict[str, Any], share: float) -> None:
    assert share_of(OperationSampler("production"), "x", kind, attributes) == share


def test_no_share_is_more_than_one() -> None:
    assert share_of(OperationSampler(base_rate=0.8), "x", SpanKind.SERVER) == 1.0


@pytest.mark.parametrize("name", CRITICAL_OPERATIONS)
def test_critical_operations_are_kept_whatever_the_environment(name: str) -> None:
    assert share_of(OperationSampler("test"), name) == 1.0
    assert share_of(OperationSampler("test"), "x", attributes={"operation.name": name}) == 1.0


def test_names_may_be_patterns() -> None:
    sampler = OperationSampler("test", critical=["auth.*", "GET /v?/pay"], rates={"GET /health*": 0.25})
    shares = [share_of(sampler, name) for name in ("auth.login", "GET /v2/pay", "GET /healthz", "GET /v22/pay")]
    assert shares == [1.0, 1.0, 0.25, 0.0]


def test_a_trace_is_decided_once_whatever_the_types_in_it() -> None:
    sampler = OperationSampler("test")
    for sampled in (True, False):
        answer = sampler.should_sample(below(sampled=sampled), RANGE - 1, "SELECT", SpanKind.CLIENT, {"db.system": "x"})
        assert answer.decision.is_sampled() == sampled


def test_a_critical_operation_is_kept_with_what_it_calls_in_a_trace_that_is_not() -> None:
    tracer = TracerProvider(OperationSampler("test"), shutdown_on_exit=False).get_tracer("x")
    with tracer.start_as_current_span("page") as page, tracer.start_as_current_span("payment.process") as payment:
        with tracer.start_as_current_span("SELECT") as query:
            recorded = [span.is_recording() for span in (page, payment, query)]
        assert payment.get_span_context().trace_state == TraceState([("ot", "th:0")])
    assert recorded == [False, True, True]


def test_the_head_says_what_it_cannot_keep(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        OperationSampler("production")
    (message,) = caplog.messages
    assert "not their callers, errors or slow spans" in message
    assert 'decided_by="agent"' in message


def test_all_is_sent_where_the_agent_decides(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        sampler = OperationSampler("test", decided_by="agent")
    assert share_of(sampler, "job") == 1.0
    assert sampler.should_sample(below(sampled=False), 1 << 60, "x").decision.is_sampled()
    assert not caplog.messages


def test_the_environment_is_that_of_the_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=staging")
    assert share_of(OperationSampler(), "job") == 0.5
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=development")
    assert share_of(OperationSampler(), "job") == 1.0


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"environment": 7}, "environment=7"),
        ({"base_rate": 1.5}, "base_rate=1.5"),
        ({"critical": "auth.login"}, "critical='auth.login'"),
        ({"critical": 3}, "critical=3"),
        ({"critical": [b"x"]}, "critical=b'x'"),
        ({"rates": {"x": 2}}, r"rates\['x'\]=2"),
        ({"rates": ["x"]}, r"rates=\['x'\]"),
        ({"factors": {"db.query": -1}}, r"factors\['db.query'\]=-1"),
        ({"decided_by": "nobody"}, "decided_by='nobody'"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(arguments: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigurationError, match=fault):
        OperationSampler(**arguments)


@pytest.mark.parametrize("attributes", [{"operation.name": "\ud800"}, {7: 7}, {"operation.type": None}, "text", 5])
def test_odd_attributes_cost_no_span(attributes: Any) -> None:
    tracer = TracerProvider(OperationSampler("development"), shutdown_on_exit=False).get_tracer("x")
    span = tracer.start_span("\ud800", attributes=attributes)
    assert span.is_recording()
    span.end()
