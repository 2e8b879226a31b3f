"""Spans for the eyes."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from pyspan.errors import RetryableError
from pyspan.pipeline.console import ConsoleExporter

if TYPE_CHECKING:
    from pyspan._core import Batch

pytestmark = pytest.mark.anyio

SPAN = {
    "traceId": "0af7651916cd43dd8448eb211c80319c",
    "spanId": "b7ad6b7169203331",
    "parentSpanId": "00f067aa0ba902b7",
    "name": "GET /orders",
    "kind": 2,
    "startTimeUnixNano": "1700000000123456000",
    "endTimeUnixNano": "1700000000135801678",
    "attributes": [
        {"key": "http.route", "value": {"stringValue": "/orders"}},
        {"key": "count", "value": {"intValue": "3"}},
        {"key": "tags", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"boolValue": True}]}}},
    ],
    "events": [{"name": "retry"}],
    "status": {"code": 2, "message": "boom"},
}


class JsonBatch:
    """A batch of one span as its JSON."""

    def __init__(self, span: dict[str, Any]) -> None:
        self._span = span

    def to_json(self) -> bytes:
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "orders"}}]}
        spans = [{"resource": resource, "scopeSpans": [{"spans": [self._span]}]}]
        return json.dumps({"resourceSpans": spans}).encode()


async def printed(span: dict[str, Any]) -> str:
    out = io.StringIO()
    await ConsoleExporter(out).export(cast("Batch", JsonBatch(span)))
    return out.getvalue()


async def test_a_span_is_one_line_with_all_that_it_has() -> None:
    assert await printed(SPAN) == (
        "22:13:20.123456  orders  GET /orders  12.346 ms  server  error (boom)  "
        "trace=0af7651916cd43dd8448eb211c80319c span=b7ad6b7169203331  parent=00f067aa0ba902b7  "
        "http.route='/orders' count=3 tags=['a', True]  [retry]\n"
    )


async def test_a_bare_span_leaves_out_what_it_has_not() -> None:
    bare = {key: SPAN[key] for key in ("traceId", "spanId", "name", "startTimeUnixNano", "endTimeUnixNano")}
    assert await printed(bare) == (
        "22:13:20.123456  orders  GET /orders  12.346 ms  "
        "trace=0af7651916cd43dd8448eb211c80319c span=b7ad6b7169203331\n"
    )


async def test_a_closed_stream_is_worth_another_try() -> None:
    out = io.StringIO()
    out.close()
    with pytest.raises(RetryableError, match="closed file"):
        await ConsoleExporter(out).export(cast("Batch", JsonBatch(SPAN)))
