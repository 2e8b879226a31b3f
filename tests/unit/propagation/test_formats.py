"""Each format by the vectors of its specification, through the classes that OpenTelemetry names."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import TextMapPropagator

from pyspan import propagation
from pyspan.propagation.datadog import browser_attributes
from pyspan.propagation.request_id import request_id, set_request_id
from tests.unit.propagation.headers import SPAN_ID, TRACE_ID, Caller, caller_of, context_of, injected

FORMATS: dict[str, type[Any]] = {
    "tracecontext": propagation.TraceContextTextMapPropagator,
    "baggage": propagation.W3CBaggagePropagator,
    "b3": propagation.B3SingleFormat,
    "b3multi": propagation.B3MultiFormat,
    "jaeger": propagation.JaegerPropagator,
    "datadog": propagation.DatadogPropagator,
    "xray": propagation.AwsXRayPropagator,
    "sentry": propagation.SentryPropagator,
    "ottrace": propagation.OTTracePropagator,
    "x-request-id": propagation.RequestIdPropagator,
}
TRACED = sorted(set(FORMATS) - {"baggage", "x-request-id"})
LOWER = TRACE_ID[16:].rjust(32, "0")
DD_TRACE, DD_SPAN = str(int(TRACE_ID[16:], 16)), str(int(SPAN_ID, 16))


def read(name: str, headers: dict[str, str]) -> Caller | None:
    return caller_of(FORMATS[name]().extract(headers, Context()))


@pytest.mark.parametrize(
    ("name", "headers", "caller"),
    [
        ("b3", {"b3": f"{TRACE_ID}-{SPAN_ID}-1-05e3ac9a4f6e3b90"}, Caller()),
        ("b3", {"b3": f"{TRACE_ID}-{SPAN_ID}-0"}, Caller(sampled=False)),
        ("b3", {"b3": f"{TRACE_ID}-{SPAN_ID}-d"}, Caller(state="b3=d")),
        ("b3", {"b3": f"{TRACE_ID[16:]}-{SPAN_ID}-1"}, Caller(LOWER)),
        ("b3", {"x-b3-traceid": TRACE_ID, "x-b3-spanid": SPAN_ID, "x-b3-sampled": "0"}, Caller(sampled=False)),
        ("b3", {"b3": "0"}, None),
        ("b3multi", {"x-b3-traceid": TRACE_ID, "x-b3-spanid": SPAN_ID, "x-b3-sampled": "1"}, Caller()),
        ("b3multi", {"x-b3-traceid": TRACE_ID, "x-b3-spanid": SPAN_ID, "x-b3-flags": "1"}, Caller(state="b3=d")),
        ("b3multi", {"b3": f"{TRACE_ID}-{SPAN_ID}-1", "x-b3-traceid": "f" * 32, "x-b3-spanid": "f" * 16}, Caller()),
        ("b3multi", {"x-b3-traceid": TRACE_ID}, None),
        ("jaeger", {"uber-trace-id": f"{TRACE_ID}:{SPAN_ID}:0:1"}, Caller()),
        ("jaeger", {"uber-trace-id": f"{TRACE_ID}%3A{SPAN_ID}%3A0%3A0"}, Caller(sampled=False)),
        ("jaeger", {"uber-trace-id": "2a:7:0:1"}, Caller(f"{0x2A:032x}", f"{7:016x}")),
        ("jaeger", {"uber-trace-id": f"{TRACE_ID}:{SPAN_ID}:0"}, None),
        (
            "datadog",
            {"x-datadog-trace-id": DD_TRACE, "x-datadog-parent-id": DD_SPAN, "x-datadog-sampling-priority": "-1"},
            Caller(LOWER, sampled=False, state="dd=s:-1"),
        ),
        (
            "datadog",
            {
                "x-datadog-trace-id": DD_TRACE,
                "x-datadog-parent-id": DD_SPAN,
                "x-datadog-sampling-priority": "2",
                "x-datadog-origin": "rum",
                "x-datadog-tags": f"_dd.p.dm=-4,_dd.p.tid={TRACE_ID[:16]}",
            },
            Caller(state="dd=s:2;o:rum;t.dm:-4"),
        ),
        ("datadog", {"x-datadog-trace-id": "0", "x-datadog-parent-id": DD_SPAN}, None),
        (
            "xray",
            {"X-Amzn-Trace-Id": f"Root=1-{TRACE_ID[:8]}-{TRACE_ID[8:]};Parent={SPAN_ID};Sampled=1"},
            Caller(),
        ),
        ("xray", {"x-amzn-trace-id": f"Root=1-{TRACE_ID[:8]}-{TRACE_ID[8:]};Parent={SPAN_ID};Sampled=1"}, Caller()),
        ("xray", {"X-Amzn-Trace-Id": f"Root=1-{TRACE_ID[:8]}-{TRACE_ID[8:]}"}, None),
        ("sentry", {"sentry-trace": f"{TRACE_ID}-{SPAN_ID}-0"}, Caller(sampled=False)),
        ("sentry", {"sentry-trace": f"{TRACE_ID}-{SPAN_ID}"}, Caller()),
        ("sentry", {"sentry-trace": TRACE_ID}, None),
        (
            "ottrace",
            {"ot-tracer-traceid": TRACE_ID[16:], "ot-tracer-spanid": SPAN_ID, "ot-tracer-sampled": "false"},
            Caller(LOWER, sampled=False),
        ),
        ("ottrace", {"ot-tracer-traceid": TRACE_ID}, None),
    ],
)
def test_a_caller_is_read_as_the_specification_says(name: str, headers: dict[str, str], caller: Caller | None) -> None:
    assert read(name, headers) == caller


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("b3", {"b3": f"{TRACE_ID}-{SPAN_ID}-1"}),
        ("b3multi", {"x-b3-traceid": TRACE_ID, "x-b3-spanid": SPAN_ID, "x-b3-sampled": "1"}),
        ("jaeger", {"uber-trace-id": f"{TRACE_ID}:{SPAN_ID}:0:01"}),
        (
            "datadog",
            {
                "x-datadog-trace-id": DD_TRACE,
                "x-datadog-parent-id": DD_SPAN,
                "x-datadog-sampling-priority": "1",
                "x-datadog-tags": f"_dd.p.tid={TRACE_ID[:16]}",
            },
        ),
        ("xray", {"X-Amzn-Trace-Id": f"Root=1-{TRACE_ID[:8]}-{TRACE_ID[8:]};Parent={SPAN_ID};Sampled=1"}),
        ("sentry", {"sentry-trace": f"{TRACE_ID}-{SPAN_ID}-1"}),
        (
            "ottrace",
            {"ot-tracer-traceid": TRACE_ID[16:], "ot-tracer-spanid": SPAN_ID, "ot-tracer-sampled": "true"},
        ),
    ],
)
def test_a_span_is_written_as_the_specification_says(name: str, headers: dict[str, str]) -> None:
    propagator = FORMATS[name]()
    assert injected(propagator, context_of(Caller())) == headers
    assert propagator.fields >= set(headers)


@pytest.mark.parametrize("name", TRACED)
@given(trace_id=st.integers(1, 2**128 - 1), span_id=st.integers(1, 2**64 - 1), sampled=st.booleans())
def test_any_caller_comes_back_as_it_was_sent(name: str, trace_id: int, span_id: int, sampled: bool) -> None:
    if name == "ottrace":
        trace_id = trace_id >> 64 or 1
    sent = Caller(f"{trace_id:032x}", f"{span_id:016x}", sampled)
    if name == "datadog" and not trace_id % 2**64:
        sent = Caller(f"{trace_id + 1:032x}", f"{span_id:016x}", sampled)
    received = read(name, injected(FORMATS[name](), context_of(sent)))
    assert received is not None
    assert received[:3] == sent[:3]


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(values=st.lists(st.text(), min_size=10, max_size=10))
def test_no_value_of_any_header_raises(name: str, values: list[str]) -> None:
    propagator = FORMATS[name]()
    headers = dict(zip(sorted(propagator.fields) * 10, values, strict=False))
    assert isinstance(propagator.extract(headers), Context)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_each_format_is_an_entry_point_and_a_propagator_of_the_api(name: str) -> None:
    classes = [entry.load() for entry in entry_points(group="opentelemetry_propagator", name=name)]
    assert FORMATS[name] in classes
    assert isinstance(FORMATS[name](), TextMapPropagator)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_context_without_a_span_writes_nothing(name: str) -> None:
    assert injected(FORMATS[name](), Context()) == {}


@pytest.mark.parametrize("name", ["b3", "b3multi", "jaeger"])
def test_the_debug_flag_is_sent_on(name: str) -> None:
    forced = context_of(Caller(state="b3=d"))
    assert read(name, injected(FORMATS[name](), forced)) == Caller(state="b3=d")


@pytest.mark.parametrize(("name", "prefix"), [("jaeger", "uberctx-"), ("ottrace", "ot-baggage-")])
def test_baggage_in_headers_of_its_own_travels(name: str, prefix: str) -> None:
    sent = context_of(Caller(), baggage.set_baggage("user", "alice & bob"))
    headers = injected(FORMATS[name](), sent)
    assert f"{prefix}user" in headers
    received = FORMATS[name]().extract(headers, Context())
    assert baggage.get_all(received) == {"user": "alice & bob"}


def test_sentry_takes_its_own_part_of_the_baggage_only() -> None:
    headers = {"sentry-trace": f"{TRACE_ID}-{SPAN_ID}-1", "baggage": "sentry-release=1.0%2B2,user=alice"}
    received = propagation.SentryPropagator().extract(headers)
    assert baggage.get_all(received) == {"sentry-release": "1.0+2"}
    with_others = baggage.set_baggage("user", "alice", received)
    assert injected(propagation.SentryPropagator(), with_others)["baggage"] == "sentry-release=1.0%2B2"


def test_a_datadog_browser_without_a_trace_starts_a_new_one_and_is_remembered() -> None:
    datadog = propagation.DatadogPropagator()
    headers = {
        "x-datadog-origin": "rum",
        "x-datadog-sampling-priority": "1",
        "x-datadog-session-id": "5f3759df-session",
        "x-datadog-application-id": "9e3779b9-application",
    }
    received = datadog.extract(headers, Context())
    assert caller_of(received) is None
    ids = {"session.id": "5f3759df-session", "rum.application.id": "9e3779b9-application"}
    assert browser_attributes(received) == ids
    sent = injected(datadog, context_of(Caller(), received))
    assert (sent["x-datadog-origin"], sent["x-datadog-sampling-priority"]) == ("rum", "1")


def test_fields_of_x_ray_that_are_not_known_are_sent_on() -> None:
    propagator = propagation.AwsXRayPropagator()
    header = f"Root=1-{TRACE_ID[:8]}-{TRACE_ID[8:]};Parent={SPAN_ID};Sampled=1;Lineage=a87bd80c:1|68fd508a:5;Foo=bar"
    received = propagator.extract({"X-Amzn-Trace-Id": f"Self=1-67891234-12456789abcdef012345678;{header}"}, Context())
    assert injected(propagator, received) == {"X-Amzn-Trace-Id": header}
    below = context_of(Caller(span_id="b7ad6b7169203331"), received)
    assert injected(propagator, below) == {"X-Amzn-Trace-Id": header.replace(SPAN_ID, "b7ad6b7169203331")}
    another = context_of(Caller("0af7651916cd43dd8448eb211c80319c"), received)
    assert "Lineage" not in injected(propagator, another)["X-Amzn-Trace-Id"]


def test_an_origin_of_datadog_keeps_what_a_trace_state_can_hold() -> None:
    headers = {"x-datadog-trace-id": DD_TRACE, "x-datadog-parent-id": DD_SPAN, "x-datadog-origin": "a=b,c;~\u00e9"}
    datadog = propagation.DatadogPropagator()
    assert injected(datadog, datadog.extract(headers, Context()))["x-datadog-origin"] == "a=b_c___"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("wrong", ["x", 5, [("a", 1)]])
def test_what_is_no_context_is_logged_and_an_empty_one_taken(
    name: str, wrong: Any, caplog: pytest.LogCaptureFixture
) -> None:
    found = FORMATS[name]().extract({"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"}, wrong)
    assert isinstance(found, Context)
    told = f"the context is a {type(wrong).__name__} and no Context: headers are read into an empty one"
    assert [record.getMessage() for record in caplog.records] == [told]


def test_what_datadog_says_beyond_the_identity_is_sent_on_by_its_headers() -> None:
    sent = injected(propagation.DatadogPropagator(), context_of(Caller(state="dd=s:2;o:rum;t.dm:-4,x=1")))
    assert (sent["x-datadog-sampling-priority"], sent["x-datadog-origin"]) == ("2", "rum")
    assert sent["x-datadog-tags"] == f"_dd.p.dm=-4,_dd.p.tid={TRACE_ID[:16]}"


def test_a_request_id_is_taken_and_sent_on() -> None:
    propagator = propagation.RequestIdPropagator()
    received = propagator.extract({"x-request-id": " 7b8a-42 "})
    assert request_id(received) == "7b8a-42"
    assert injected(propagator, received) == {"x-request-id": "7b8a-42"}
    assert injected(propagator, set_request_id("mine", received)) == {"x-request-id": "mine"}


@pytest.mark.parametrize("headers", [{}, {"x-request-id": ""}, {"x-request-id": "a\nb"}, {"x-request-id": "a" * 129}])
def test_a_request_without_a_usable_id_is_given_one(headers: dict[str, str]) -> None:
    first, second = (request_id(propagation.RequestIdPropagator().extract(headers)) for _ in range(2))
    assert first is not None
    assert first != second
    assert len(first) == 32
