"""The trace on log records."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from opentelemetry import context, trace

from pyspan.config.vendors import adopt
from pyspan.instrument import asgi, logs
from pyspan.propagation import RequestIdPropagator
from pyspan.propagation.request_id import set_request_id
from pyspan.sdk.resources import Resource
from tests.instrument.traced import Traced, http_scope, serve

RESOURCE = Resource({"service.name": "shop", "service.version": "1.2", "deployment.environment.name": "staging"})
FORMAT = "%(trace_id)s %(span_id)s %(service)s"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    logs.uninstall()


def _ids(span: Any) -> tuple[str, str]:
    ids = span.get_span_context()
    return f"{ids.trace_id:032x}", f"{ids.span_id:016x}"


def _logger(stream: io.StringIO, form: str = FORMAT) -> tuple[logging.Logger, logging.Handler]:
    logger, handler = logging.Logger("test"), logging.StreamHandler(stream)  # noqa: LOG001 - one for each test
    handler.setFormatter(logging.Formatter(form))
    logger.addHandler(handler)
    return logger, handler


def test_every_record_has_the_current_trace() -> None:
    stream, traced = io.StringIO(), Traced(resource=RESOURCE)
    logger, _ = _logger(stream)
    logs.install()
    with traced.tracer.start_as_current_span("work") as span:
        logger.warning("inside")
    logger.warning("outside")
    assert stream.getvalue().splitlines() == [" ".join([*_ids(span), "shop"]), "  "]


def test_a_filter_does_it_for_one_handler() -> None:
    stream, traced = io.StringIO(), Traced(resource=RESOURCE)
    logger, handler = _logger(stream)
    handler.addFilter(logs.TraceFilter())
    with traced.tracer.start_as_current_span("work") as span:
        logger.warning("inside")
    assert stream.getvalue() == " ".join([*_ids(span), "shop"]) + "\n"


def test_datadogs_fields_are_there_on_request() -> None:
    stream, traced = io.StringIO(), Traced(resource=RESOURCE)
    logger, _ = _logger(stream, "%(dd.trace_id)s %(dd.span_id)s %(dd.service)s %(dd.env)s %(dd.version)s %(message)s")
    logs.install(datadog=True)
    with traced.tracer.start_as_current_span("work") as span:
        logger.warning("inside")
    logger.warning("outside")
    ids = span.get_span_context()
    inside = f"{ids.trace_id % (1 << 64)} {ids.span_id} shop staging 1.2 inside"
    assert stream.getvalue().splitlines() == [inside, "0 0    outside"]


def test_installing_twice_and_undoing_it_leaves_records_as_they_were() -> None:
    handle = logging.Logger.handle
    logs.install()
    logs.install()
    logs.uninstall()
    logs.uninstall()
    assert logging.Logger.handle is handle


@pytest.mark.parametrize("by_filter", [False, True])
def test_what_the_application_puts_on_a_record_stays(by_filter: bool) -> None:
    stream, traced = io.StringIO(), Traced(resource=RESOURCE)
    logger, handler = _logger(stream, f"{FORMAT} %(dd.service)s %(request_id)s")
    if by_filter:
        handler.addFilter(logs.TraceFilter(datadog=True))
    else:
        logs.install(datadog=True)
    own = {"trace_id": "mine", "span_id": 1, "service": "billing", "dd.service": "b", "request_id": None}
    with traced.tracer.start_as_current_span("work"):
        logger.warning("paid", extra=own)
    assert stream.getvalue() == "mine 1 billing b None\n"


def test_records_have_the_requests_id() -> None:
    stream = io.StringIO()
    logger, _ = _logger(stream, "%(request_id)s|")
    logs.install()
    token = context.attach(set_request_id("7b8a-42"))
    try:
        logger.warning("inside")
        assert logs.add_trace(None, "info", {})["request_id"] == "7b8a-42"
    finally:
        context.detach(token)
    logger.warning("outside")
    assert stream.getvalue().splitlines() == ["7b8a-42|", "|"]


def test_records_of_a_request_have_the_id_that_its_middleware_has_read() -> None:
    stream, traced = io.StringIO(), Traced()
    logger, _ = _logger(stream, "%(request_id)s")
    logs.install()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        logger.warning("inside")
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    served = asgi.Middleware(app, tracer_provider=traced.provider, propagator=RequestIdPropagator())
    serve(served, http_scope("/", [(b"x-request-id", b"7b8a-42")]))
    assert stream.getvalue() == "7b8a-42\n"
    assert traced.attributes()["http.request.id"] == "7b8a-42"


class Faulty(trace.NonRecordingSpan):
    """A span that does not say who it is."""

    def get_span_context(self) -> Any:
        raise ValueError("no context")


def test_a_span_that_raises_costs_no_log_call_and_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logs, "_faults", [])
    stream = io.StringIO()
    logger, _ = _logger(stream, "%(message)s%(trace_id)s%(dd.trace_id)s")
    logs.install(datadog=True)
    with trace.use_span(Faulty(trace.INVALID_SPAN_CONTEXT)):
        logger.warning("one")
        logger.warning("two")
    assert stream.getvalue().splitlines() == ["one", "two"]
    (told,) = [record for record in caplog.records if record.name == "pyspan.instrument.logs"]
    assert told.getMessage() == "the current span cannot be put on log records: their fields stay empty"


@pytest.mark.parametrize("processor", [logs.add_trace, logs.add_trace_for_datadog])
def test_structlogs_events_have_the_current_trace(processor: Any) -> None:
    stream, traced = io.StringIO(), Traced(resource=RESOURCE)
    logger = structlog.wrap_logger(
        structlog.PrintLogger(stream), processors=[processor, structlog.processors.JSONRenderer()]
    )
    with traced.tracer.start_as_current_span("work") as span:
        logger.info("inside", service="mine")
    logger.info("outside")
    inside, outside = map(json.loads, stream.getvalue().splitlines())
    assert (inside["trace_id"], inside["span_id"], inside["service"]) == (*_ids(span), "mine")
    assert ("dd.env" in inside) is (processor is logs.add_trace_for_datadog)
    assert "trace_id" not in outside


def test_datadogs_switch_hints_at_the_call_that_does_the_same() -> None:
    (hint,) = adopt({"DD_LOGS_INJECTION": "true"}).notes
    assert hint.startswith("DD_LOGS_INJECTION has no effect: ")
    assert "call pyspan.instrument.logs.install(datadog=True)" in hint
    logs.install(datadog=True)
    stream, traced = io.StringIO(), Traced()
    logger, _ = _logger(stream, "%(message)s %(dd.span_id)s")
    with traced.tracer.start_as_current_span("work"):
        logger.warning("sold out")
    assert stream.getvalue() == f"sold out {traced.only.context.span_id}\n"
