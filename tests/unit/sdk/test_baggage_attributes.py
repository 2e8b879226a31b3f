"""Members of the baggage on spans, by an allow-list."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry import context as context_api

import pyspan
from pyspan.errors import ConfigurationError
from pyspan.instrument.wsgi import Middleware
from pyspan.sdk.trace.export import SimpleSpanProcessor
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.context import Context


@pytest.fixture
def attributes_under(unconfigured: None) -> Callable[..., Mapping[str, Any]]:
    """Configure, and return the attributes of a span that starts in a context."""

    def attributes(patterns: Sequence[str] | None, context: Context | None, **options: Any) -> Mapping[str, Any]:
        exporter = InMemorySpanExporter()
        provider = pyspan.configure(exporter="none", baggage_attributes=patterns)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        provider.get_tracer("x").start_span("x", context, **options).end()
        pyspan.shutdown()
        (span,) = exporter.get_finished_spans()
        return span.attributes or {}

    return attributes


def members(**given: str) -> Context:
    context = context_api.Context()
    for name, value in given.items():
        context = baggage.set_baggage(name.replace("__", "."), value, context)
    return context


@pytest.mark.parametrize(
    ("patterns", "taken"),
    [
        (None, {}),
        ([], {}),
        (["tenant"], {"tenant": "blue"}),
        (["tenant", "absent"], {"tenant": "blue"}),
        (["app.*"], {"app.version": "2", "app.name": "shop"}),
        ([" tenant ", "app.n*"], {"tenant": "blue", "app.name": "shop"}),
        (["*"], {"tenant": "blue", "app.version": "2", "app.name": "shop"}),
    ],
)
def test_spans_take_what_the_list_admits(
    attributes_under: Callable[..., Mapping[str, Any]], patterns: list[str] | None, taken: dict[str, str]
) -> None:
    context = members(tenant="blue", app__version="2", app__name="shop")
    assert dict(attributes_under(patterns, context)) == taken


def test_baggage_of_a_remote_caller_is_taken_too(attributes_under: Callable[..., Mapping[str, Any]]) -> None:
    pyspan.configure(exporter="none")
    remote = propagate.extract({"baggage": "tenant=blue;secret,other=1"})
    pyspan.shutdown()
    assert dict(attributes_under(["tenant"], remote)) == {"tenant": "blue"}


def test_baggage_of_the_current_context_is_taken(attributes_under: Callable[..., Mapping[str, Any]]) -> None:
    token = context_api.attach(members(tenant="blue"))
    try:
        assert dict(attributes_under(["tenant"], None)) == {"tenant": "blue"}
    finally:
        context_api.detach(token)


def test_what_a_span_is_given_itself_goes_before_baggage(attributes_under: Callable[..., Mapping[str, Any]]) -> None:
    given = {"tenant": "given", "more": 1}
    assert dict(attributes_under(["*"], members(tenant="blue"), attributes=given)) == given


@pytest.mark.parametrize("context", [None, context_api.Context(), context_api.Context({"baggage": 1})])
def test_without_baggage_nothing_is_taken(
    attributes_under: Callable[..., Mapping[str, Any]], context: Context | None
) -> None:
    assert dict(attributes_under(["*"], context)) == {}


def test_values_that_no_attribute_can_have_are_told_of_as_ever(
    attributes_under: Callable[..., Mapping[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    context = baggage.set_baggage("odd", object(), baggage.set_baggage("number", 3, context_api.Context()))
    with caplog.at_level(logging.WARNING):
        assert dict(attributes_under(["*"], context)) == {"number": 3, "odd": None}
    assert "Invalid type `<class 'object'>` for attribute value" in caplog.text


def test_a_child_takes_it_from_the_context_of_its_parent(unconfigured: None) -> None:
    tracer = pyspan.configure(exporter="none", baggage_attributes=["tenant"]).get_tracer("x")
    context = trace.set_span_in_context(tracer.start_span("parent"), members(tenant="blue"))
    child: Any = tracer.start_span("child", context)
    assert dict(child.attributes) == {"tenant": "blue"}


@pytest.mark.parametrize("wrong", ["tenant", b"tenant", [1], ["a*b"], ["**"], 3])
def test_a_list_that_is_none_is_refused(unconfigured: None, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"baggage_attributes=.* in pyspan.configure\(\) .* may end in a star"):
        pyspan.configure(exporter="none", baggage_attributes=wrong)


def test_a_variable_names_what_is_taken(
    attributes_under: Callable[..., Mapping[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("PYSPAN_BAGGAGE_ATTRIBUTES", "tenant, app.*")
    assert set(attributes_under(None, members(tenant="blue", app__name="shop", other="1"))) == {"tenant", "app.name"}
    monkeypatch.setenv("PYSPAN_BAGGAGE_ATTRIBUTES", "a*b")
    assert dict(attributes_under(None, members(aab="1"))) == {}
    assert "PYSPAN_BAGGAGE_ATTRIBUTES='a*b' in the environment cannot be used" in caplog.text


def test_the_span_of_a_request_takes_the_baggage_that_came_with_it(unconfigured: None) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        span: Any = trace.get_current_span()
        return [str(span.attributes.get("tenant")).encode()]

    pyspan.configure(exporter="none", baggage_attributes=["tenant"])
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_BAGGAGE": "tenant=blue,other=1"}
    assert list(Middleware(app)(environ, lambda *_: None)) == [b"blue"]
