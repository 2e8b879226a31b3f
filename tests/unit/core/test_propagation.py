"""The native parsers of W3C headers, as Python sees them; the texts' own vectors are tested in Rust."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanContext, TraceFlags

from pyspan import _core


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 255))
def test_a_traceparent_round_trips(trace_id: Any, span_id: Any, flags: Any) -> None:
    context = SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(flags))
    assert _core.parse_traceparent(_core.format_traceparent(context) or "") == (trace_id, span_id, flags)


def test_an_invalid_context_has_no_traceparent() -> None:
    assert _core.format_traceparent(INVALID_SPAN_CONTEXT) is None


@given(st.text())
def test_no_text_makes_a_parser_raise(text: Any) -> None:
    text = text.encode("utf-8", "replace").decode()
    assert _core.parse_traceparent(text) is None or text
    assert isinstance(_core.parse_tracestate([text]), list)
    assert isinstance(_core.parse_baggage(text), list)


@given(st.lists(st.tuples(st.from_regex(r"[a-z]{1,10}", fullmatch=True), st.text(st.characters(codec="utf-8")))))
def test_baggage_round_trips(members: Any) -> None:
    assert _core.parse_baggage(_core.format_baggage(members)) == members
