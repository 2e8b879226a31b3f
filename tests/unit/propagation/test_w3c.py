"""The W3C formats as propagators: what is extracted, what is injected, and that nothing raises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from pyspan.propagation import TraceContextTextMapPropagator, W3CBaggagePropagator

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
contexts = TraceContextTextMapPropagator()
baggages = W3CBaggagePropagator()


class Lines(Getter[dict[str, list[str]]]):
    """Reads headers that come in several lines."""

    def get(self, carrier: dict[str, list[str]], key: str) -> list[str] | None:
        return carrier.get(key)

    def keys(self, carrier: dict[str, list[str]]) -> list[str]:
        return list(carrier)


def extracted(*lines: str, state: list[str] | None = None) -> SpanContext:
    carrier = {"traceparent": list(lines), **({"tracestate": state} if state else {})}
    return trace.get_current_span(contexts.extract(carrier, getter=Lines())).get_span_context()


def test_a_parent_is_extracted_as_remote() -> None:
    parent = extracted(PARENT, state=["a=1,b=2", "c=3"])
    assert (f"{parent.trace_id:032x}", f"{parent.span_id:016x}", parent.is_remote) == (TRACE_ID, SPAN_ID, True)
    assert parent.trace_flags == TraceFlags(TraceFlags.SAMPLED)
    assert parent.trace_state.to_header() == "a=1,b=2,c=3"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f"{PARENT},{PARENT}",
        f"00-{TRACE_ID}-{SPAN_ID}-0é",
        "\ud800",
    ],
)
def test_a_header_that_breaks_the_rules_starts_a_new_trace(header: str) -> None:
    assert not extracted(header).is_valid


def test_of_two_parents_none_is_the_parent() -> None:
    assert not extracted(PARENT, PARENT).is_valid


def test_a_later_version_may_say_more() -> None:
    assert extracted(f"cc-{TRACE_ID}-{SPAN_ID}-01-what-the-future-holds").is_valid


@pytest.mark.parametrize(("state", "kept"), [(["a=1,a=2"], "a=1"), (["foo@=1"], "foo@=1"), (["a=1", "Bad Key=2"], "")])
def test_a_trace_state_is_kept_as_the_text_says(state: list[str], kept: str) -> None:
    parent = extracted(PARENT, state=state)
    assert parent.is_valid
    assert parent.trace_state.to_header() == kept


def test_extracting_keeps_what_is_in_the_context() -> None:
    given_context = Context({"key": "value"})
    assert contexts.extract({}, given_context) is given_context
    assert contexts.extract({"traceparent": PARENT}, given_context)["key"] == "value"


def test_the_span_is_injected_with_its_state() -> None:
    state = TraceState([("vendor", "x")])
    ids = int(TRACE_ID, 16), int(SPAN_ID, 16)
    span = NonRecordingSpan(SpanContext(*ids, is_remote=False, trace_flags=TraceFlags(1), trace_state=state))
    carrier: dict[str, str] = {}
    contexts.inject(carrier, trace.set_span_in_context(span))
    assert carrier == {"traceparent": PARENT, "tracestate": "vendor=x"}
    assert contexts.fields == {"traceparent", "tracestate"}


def test_without_a_span_nothing_is_injected() -> None:
    carrier: dict[str, str] = {}
    contexts.inject(carrier, Context())
    baggages.inject(carrier, Context())
    assert carrier == {}


class Broken(Getter[Any]):
    def get(self, carrier: Any, key: str) -> list[str] | None:
        raise OSError(key)

    def keys(self, carrier: Any) -> list[str]:
        return []


@pytest.mark.parametrize("propagator", [contexts, baggages])
def test_a_carrier_that_fails_is_an_empty_one(propagator: Any) -> None:
    assert propagator.extract({}, Context(), getter=Broken()) == Context()


def test_a_long_trace_state_is_cut_by_whole_members() -> None:
    members = [f"k{n:02}={'v' * 46}" for n in range(12)]
    assert extracted(PARENT, state=members).trace_state.to_header() == ",".join(members[:10])


def test_a_trace_state_without_a_valid_parent_is_not_read() -> None:
    assert not extracted("nonsense", state=["a=1"]).trace_state


def test_flags_that_the_text_does_not_define_are_not_sent_on() -> None:
    carrier: dict[str, str] = {}
    contexts.inject(carrier, contexts.extract({"traceparent": f"{PARENT[:-2]}ff"}))
    assert carrier == {"traceparent": f"{PARENT[:-2]}03"}


def test_baggage_travels_there_and_back() -> None:
    context = baggage.set_baggage("user", "Amélie, 100 % & more", baggage.set_baggage("n", 7, Context()))
    carrier: dict[str, str] = {}
    baggages.inject(carrier, context)
    received = baggages.extract(carrier, Context())
    assert dict(baggage.get_all(received)) == {"n": "7", "user": "Amélie, 100 % & more"}
    assert baggages.fields == {"baggage"}


def test_bad_members_of_baggage_are_left_out_alone() -> None:
    received = baggages.extract({"baggage": "a=1,no value,b = 2 ;property=x,=3"}, Context())
    assert dict(baggage.get_all(received)) == {"a": "1", "b": "2"}


def test_baggage_in_several_lines_is_one_list() -> None:
    received = baggages.extract({"baggage": ["a=1", "b=2"]}, Context(), getter=Lines())
    assert dict(baggage.get_all(received)) == {"a": "1", "b": "2"}


def test_a_value_that_utf_8_cannot_hold_travels_with_a_replacement_character() -> None:
    carrier: dict[str, str] = {}
    baggages.inject(carrier, baggage.set_baggage("k", "\ud800", Context()))
    assert carrier == {"baggage": "k=%EF%BF%BD"}


@given(parents=st.lists(st.text()), states=st.lists(st.text()), baggage_lines=st.lists(st.text()))
def test_no_header_raises(parents: list[str], states: list[str], baggage_lines: list[str]) -> None:
    carrier = {"traceparent": parents or [PARENT], "tracestate": states, "baggage": baggage_lines}
    assert isinstance(contexts.extract(carrier, getter=Lines()), Context)
    assert isinstance(baggages.extract(carrier, getter=Lines()), Context)
