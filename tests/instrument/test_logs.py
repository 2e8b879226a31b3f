"""The trace on log records."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from pyspan.config.vendors import adopt
from pyspan.instrument import logs
from pyspan.sdk.resources import Resource
from tests.instrument.traced import Traced

RESOURCE = Resource({"service.name": "shop", "service.version": "1.2", "deployment.environment.name": "staging"})
FORMAT = "%(trace_id)s %(span_id)s %(service)s"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    logs.uninstall()


def _ids(span: Any) -> tuple[str, str]:
    context = span.get_span_context()
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


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
    context = span.get_span_context()
    inside = f"{context.trace_id % (1 << 64)} {context.span_id} shop staging 1.2 inside"
    assert stream.getvalue().splitlines() == [inside, "0 0    outside"]


def test_installing_twice_and_undoing_it_leaves_records_as_they_were() -> None:
    factory = logging.getLogRecordFactory()
    logs.install()
    logs.install()
    logs.uninstall()
    logs.uninstall()
    assert logging.getLogRecordFactory() is factory


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
