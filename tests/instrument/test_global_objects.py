"""Which tracer provider and propagator the middleware finds, that is given none."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import propagate, trace

from pyspan.instrument.wsgi import Middleware
from pyspan.propagation.b3 import B3SingleFormat
from tests.instrument.traced import PARENT, PARENT_ID, TRACE_ID, Answer, Traced, environ

B3 = f"{TRACE_ID}-{PARENT_ID}-1"


def hello(given: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"hello"]


def test_a_propagator_that_is_set_later_counts() -> None:
    traced = Traced()
    middleware = Middleware(hello, tracer_provider=traced.provider)
    Answer(middleware, environ(HTTP_TRACEPARENT=PARENT)).read()
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(B3SingleFormat())
    try:
        Answer(middleware, environ(HTTP_B3=B3)).read()
    finally:
        propagate.set_global_textmap(before)
    assert [f"{span.context.trace_id:032x}" for span in traced.spans if span.context] == [TRACE_ID, TRACE_ID]


def test_getters_that_somebody_has_replaced_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    traced = Traced()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: traced.provider)
    monkeypatch.setattr(propagate, "get_global_textmap", B3SingleFormat)
    Answer(Middleware(hello), environ(HTTP_B3=B3)).read()
    assert f"{traced.only.context.trace_id:032x}" == TRACE_ID
