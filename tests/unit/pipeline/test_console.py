"""Spans for the eyes."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from pyspan._core import Batch
from pyspan.errors import RetryableError
from pyspan.pipeline.console import ConsoleExporter

pytestmark = pytest.mark.anyio

BARE = {
    "traceId": "0af7651916cd43dd8448eb211c80319c",
    "spanId": "b7ad6b7169203331",
    "name": "GET /orders",
    "startTimeUnixNano": "1700000000123456000",
    "endTimeUnixNano": "1700000000135801678",
    "kind": 2,
}
FULL = {
    **BARE,
    "parentSpanId": "00f067aa0ba902b7",
    "attributes": [
        {"key": "http.route", "value": {"stringValue": "/orders"}},
        {"key": "count", "value": {"intValue": "3"}},
        {"key": "tags", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"boolValue": True}]}}},
    ],
    "events": [{"name": "retry", "timeUnixNano": "1700000000123456000"}],
    "status": {"code": 2, "message": "boom"},
}


def batch_of(span: dict[str, Any]) -> Batch:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "orders"}}]}
    spans = [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]
    return Batch.parse_json(json.dumps({"resourceSpans": spans}).encode())


async def printed(span: dict[str, Any]) -> str:
    out = io.StringIO()
    await ConsoleExporter(out).export(batch_of(span))
    return out.getvalue()


async def test_a_span_is_one_line_with_all_that_it_has() -> None:
    assert await printed(FULL) == (
        "22:13:20.123456  orders  GET /orders  12.346 ms  server  error (boom)  "
        "trace=0af7651916cd43dd8448eb211c80319c span=b7ad6b7169203331  parent=00f067aa0ba902b7  "
        "count=3 http.route='/orders' tags=['a', True]  [retry]\n"
    )


async def test_a_bare_span_leaves_out_what_it_has_not() -> None:
    assert await printed(BARE) == (
        "22:13:20.123456  orders  GET /orders  12.346 ms  server  "
        "trace=0af7651916cd43dd8448eb211c80319c span=b7ad6b7169203331\n"
    )


async def test_a_closed_stream_is_worth_another_try() -> None:
    out = io.StringIO()
    out.close()
    with pytest.raises(RetryableError, match="closed file"):
        await ConsoleExporter(out).export(batch_of(BARE))
