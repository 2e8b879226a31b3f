"""Several formats at once: the first valid caller stays, each format is written, others' propagators take part."""

from __future__ import annotations

import copy
import logging
import pickle
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.propagators import composite
from opentelemetry.propagators.textmap import Getter, Setter, TextMapPropagator
from opentelemetry.trace import NonRecordingSpan, Span

from pyspan import propagation
from pyspan._core import Propagator
from pyspan.propagation import (
    AwsXRayPropagator,
    B3MultiFormat,
    B3SingleFormat,
    BaggageValue,
    CompositePropagator,
    JaegerPropagator,
    SentryPropagator,
    TraceContextTextMapPropagator,
    W3CBaggagePropagator,
)
from pyspan.propagation.request_id import request_id
from tests.unit.propagation.headers import SPAN_ID, TRACE_ID, Caller, caller_of, context_of, injected

OTHER = "f" * 32
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
W3C = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])


class InPython(TextMapPropagator):
    """Somebody's own format: the header `own`."""

    def extract(self, carrier: Any, context: Context | None = None, getter: Any = None) -> Context:
        values = getter.get(carrier, "own")
        return context_of(Caller(values[0]), context) if values else context or Context()

    def inject(self, carrier: Any, context: Context | None = None, setter: Any = None) -> None:
        setter.set(carrier, "own", f"{trace.get_current_span(context).get_span_context().trace_id:032x}")

    @property
    def fields(self) -> set[str]:
        return {"own"}


class Raising(InPython):
    """One with a fault."""

    def extract(self, carrier: Any, context: Context | None = None, getter: Any = None) -> Context:
        raise KeyError(carrier)

    def inject(self, carrier: Any, context: Context | None = None, setter: Any = None) -> None:
        raise KeyError(carrier)


@pytest.mark.parametrize(
    ("order", "trace_id"),
    [
        ([TraceContextTextMapPropagator(), B3SingleFormat()], TRACE_ID),
        ([B3SingleFormat(), TraceContextTextMapPropagator()], OTHER),
        ([AwsXRayPropagator(), B3SingleFormat(), TraceContextTextMapPropagator()], OTHER),
        ([InPython(), B3SingleFormat()], "e" * 32),
        ([B3SingleFormat(), InPython()], OTHER),
    ],
)
def test_the_first_valid_caller_stays(order: list[TextMapPropagator], trace_id: str) -> None:
    headers = {"traceparent": PARENT, "b3": f"{OTHER}-{SPAN_ID}-1", "X-Amzn-Trace-Id": "Root=1", "own": "e" * 32}
    extracted = CompositePropagator(order).extract(headers)
    assert trace.get_current_span(extracted).get_span_context().trace_id == int(trace_id, 16)


def test_every_format_is_written() -> None:
    both = CompositePropagator([TraceContextTextMapPropagator(), InPython(), JaegerPropagator()])
    assert set(injected(both, context_of(Caller()))) == {"traceparent", "own", "uber-trace-id"}
    assert both.fields == {"traceparent", "tracestate", "own", "uber-trace-id"}


def test_beside_w3c_baggage_sentry_does_not_cut_the_header_down() -> None:
    sent = baggage.set_baggage("sentry-release", "1", baggage.set_baggage("user", "alice", context_of(Caller())))
    for order in ([SentryPropagator(), W3CBaggagePropagator()], [W3CBaggagePropagator(), SentryPropagator()]):
        assert injected(CompositePropagator(order), sent)["baggage"] == "user=alice,sentry-release=1"


def test_a_composite_in_a_composite_is_one() -> None:
    nested = CompositePropagator([W3C, CompositePropagator([B3SingleFormat(), InPython()])])
    assert nested.fields == {"traceparent", "tracestate", "baggage", "b3", "own"}
    assert isinstance(nested, composite.CompositePropagator)


def test_a_subclass_with_an_own_extract_is_asked() -> None:
    class Counted(B3MultiFormat):
        asked = 0

        def extract(self, carrier: Any, context: Context | None = None, getter: Any = None) -> Context:
            Counted.asked += 1
            return super().extract(carrier, context)

    headers = {"x-b3-traceid": TRACE_ID, "x-b3-spanid": SPAN_ID}
    assert caller_of(CompositePropagator([Counted()]).extract(headers)) == Caller()
    assert Counted.asked == 1


def test_a_propagator_that_raises_is_logged_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    several = CompositePropagator([Raising(), TraceContextTextMapPropagator()])
    assert caller_of(several.extract({"traceparent": PARENT})) == Caller()
    several.inject({}, context_of(Caller()))
    assert [(record.name, record.levelno) for record in caplog.records] == [("pyspan.propagation", logging.ERROR)] * 2


def test_no_propagators_find_and_write_nothing() -> None:
    none = CompositePropagator([])
    assert none.extract({"traceparent": PARENT}) == Context()
    assert injected(none, context_of(Caller())) == {}
    assert none.fields == set()


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(ValueError, match="b4 is no format"):
        Propagator(["b4"])


def test_nothing_found_leaves_the_context_as_it_is() -> None:
    given = Context({"key": "value"})
    assert W3C.extract({}, given) is given
    assert W3C.extract({"traceparent": PARENT, "baggage": "a=1"}, given)["key"] == "value"


def test_without_a_context_extraction_starts_from_nothing_unless_baggage_comes_first() -> None:
    token = attach(Context({"key": "value"}))
    try:
        assert "key" not in W3C.extract({"traceparent": PARENT})
        assert "key" in CompositePropagator([W3CBaggagePropagator()]).extract({"baggage": "a=1"})
        assert "key" in W3CBaggagePropagator().extract({})
    finally:
        detach(token)


def test_extracted_baggage_is_added_to_what_is_there_without_changing_it() -> None:
    before = baggage.set_baggage("a", "old", baggage.set_baggage("b", "2", Context()))
    after = W3C.extract({"baggage": "a=1,c=3"}, before)
    assert baggage.get_all(after) == {"a": "1", "b": "2", "c": "3"}
    assert baggage.get_all(before) == {"a": "old", "b": "2"}


def test_the_remote_parent_is_a_non_recording_span_of_the_api() -> None:
    span: Any = trace.get_current_span(W3C.extract({"traceparent": PARENT, "tracestate": "a=1"}))
    assert type(span).__name__ == "RemoteSpan"
    assert isinstance(span, Span)
    assert isinstance(span, NonRecordingSpan)
    assert span.get_span_context() is span.get_span_context()
    assert not span.is_recording()
    span.set_attribute("key", "value")
    span.set_attributes({"key": "value"})
    span.add_event("event", {"key": "value"}, timestamp=1)
    span.add_link(span.get_span_context(), attributes={"key": "value"})
    span.update_name("name")
    span.set_status(trace.StatusCode.ERROR, description="not kept")
    span.record_exception(ValueError("not kept"), escaped=True)
    with trace.use_span(span, end_on_exit=True):
        assert trace.get_current_span() is span
    span.end(end_time=1)
    assert TRACE_ID in repr(span)


def test_a_remote_parent_can_be_copied_and_pickled() -> None:
    span = trace.get_current_span(W3C.extract({"traceparent": PARENT, "tracestate": "a=1"}))
    for again in (copy.copy(span), copy.deepcopy(span), pickle.loads(pickle.dumps(span))):
        assert again.get_span_context() == span.get_span_context()
        assert caller_of(trace.set_span_in_context(again)) == Caller(state="a=1")


class Scope(Getter[list[tuple[bytes, bytes]]], Setter[list[tuple[bytes, bytes]]]):
    """Reads and writes headers as ASGI has them."""

    def get(self, carrier: list[tuple[bytes, bytes]], key: str) -> list[str] | None:
        return [value.decode("latin-1") for name, value in carrier if name.decode().lower() == key.lower()] or None

    def keys(self, carrier: list[tuple[bytes, bytes]]) -> list[str]:
        return [name.decode() for name, _ in carrier]

    def set(self, carrier: list[tuple[bytes, bytes]], key: str, value: str) -> None:
        carrier.append((key.encode(), value.encode()))


def test_getters_and_setters_read_and_write_any_carrier() -> None:
    carrier: list[tuple[bytes, bytes]] = []
    sent = baggage.set_baggage("user", "alice", context_of(Caller(state="a=1")))
    several = CompositePropagator([W3C, JaegerPropagator()])
    several.inject(carrier, sent, setter=Scope())
    assert [name for name, _ in carrier] == [
        b"traceparent",
        b"tracestate",
        b"baggage",
        b"uber-trace-id",
        b"uberctx-user",
    ]
    received = several.extract(carrier, getter=Scope())
    assert caller_of(received) == Caller(state="a=1")
    assert baggage.get_all(received) == {"user": "alice"}


def test_pairs_of_bytes_or_text_are_read_without_a_getter() -> None:
    several = CompositePropagator([W3C, InPython(), propagation.RequestIdPropagator(), JaegerPropagator()])
    headers: list[tuple[str | bytes, str | bytes]] = [
        (b"Traceparent", PARENT.encode()),
        (b"tracestate", b"a=1"),
        ("TraceState", "b=2"),
        (b"own", OTHER.encode()),
        (b"baggage", b"k=1"),
        (b"x-request-id", b"r-1"),
        (b"uberctx-City", b"caf%C3%A9"),
    ]
    received = several.extract_headers(headers)
    assert caller_of(received) == Caller(state="a=1,b=2")
    assert (request_id(received), baggage.get_all(received)) == ("r-1", {"k": "1", "City": "café"})
    assert caller_of(W3C.extract_headers([(b"traceparent", PARENT.encode())] * 2)) is None


@pytest.mark.parametrize("pair", [["traceparent", PARENT], [b"traceparent", PARENT.encode()], ("traceparent", PARENT)])
def test_pairs_are_lists_too_as_json_has_them(pair: Any) -> None:
    assert caller_of(W3C.extract_headers([pair])) == Caller()
    assert caller_of(W3C.extract([pair])) == Caller()


ODD_PAIRS = [(b"traceparent",), None, 1, "ab", (b"traceparent", None), (b"a", b"b", b"c"), {"a": 1, "b": 2}]


@pytest.mark.parametrize("odd", ODD_PAIRS)
def test_what_is_no_pair_is_skipped(odd: Any) -> None:
    assert caller_of(W3C.extract_headers([odd, (b"traceparent", PARENT.encode())])) == Caller()
    assert caller_of(W3C.extract_headers([odd])) is None


@pytest.mark.parametrize("headers", [None, 5])
def test_headers_that_are_none_are_logged_and_name_no_parent(headers: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert caller_of(W3C.extract_headers(headers)) is None
    assert "headers could not be read" in caplog.text


def test_a_setter_that_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Frozen(Setter[dict[str, str]]):
        def set(self, carrier: dict[str, str], key: str, value: str) -> None:
            raise TypeError(key)

    W3C.inject({}, context_of(Caller()), setter=Frozen())
    assert "could not be injected" in caplog.text


def test_a_keyboard_interrupt_in_a_getter_goes_on() -> None:
    class Interrupted(Scope):
        def get(self, carrier: Any, key: str) -> list[str] | None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        W3C.extract([], getter=Interrupted())


def test_properties_of_baggage_are_kept() -> None:
    received = W3C.extract({"baggage": "a=1;retain;owner=x%20y,b=2"})
    value = baggage.get_baggage("a", received)
    assert value == "1"
    assert isinstance(value, BaggageValue)
    assert value.properties == "retain;owner=x%20y"
    assert pickle.loads(pickle.dumps(value)).properties == value.properties
    assert injected(W3C, received) == {"baggage": "a=1;retain;owner=x%20y,b=2"}


def test_baggage_that_cannot_travel_is_said_so(caplog: pytest.LogCaptureFixture) -> None:
    assert injected(W3C, baggage.set_baggage("not a token", "1", baggage.set_baggage("b", 2))) == {"baggage": "b=2"}
    assert "`not a token` does not travel" in caplog.text
