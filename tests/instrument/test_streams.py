"""Streams and threads of real servers: the context stays right, and is left without a word."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import requests
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from pyspan.instrument import asgi
from pyspan.instrument import requests as requests_hook
from tests.instrument.clients import TIMEOUT
from tests.instrument.clients import serving as serving_clients
from tests.instrument.test_frameworks import serving
from tests.instrument.traced import Traced
from tests.support.trees import nodes_of, tree

CHUNK = b"x" * (1 << 20)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition() and time.monotonic() < deadline:
        gc.collect()  # what nobody holds any more is closed by the loop
        time.sleep(0.01)
    assert condition()


def test_a_stream_that_its_reader_leaves_ends_its_spans_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    traced = Traced()

    async def parts() -> AsyncIterator[bytes]:
        with traced.tracer.start_as_current_span("parts"):
            while True:
                yield CHUNK
                await asyncio.sleep(0)

    async def endless(request: Any) -> StreamingResponse:
        return StreamingResponse(parts())

    app = Starlette(routes=[Route("/endless", endless)])
    with (
        caplog.at_level(logging.WARNING),
        serving(asgi.Middleware(app, tracer_provider=traced.provider)) as url,
    ):
        with httpx.stream("GET", f"{url}/endless", timeout=TIMEOUT) as response:
            next(response.iter_raw())
        wait_until(lambda: len(traced.spans) == 2)
    assert [record for record in caplog.records if record.name.startswith(("opentelemetry", "pyspan"))] == []
    assert tree(nodes_of(traced.spans)) == "GET /endless [SERVER]\n  parts [INTERNAL]"
    served = next(span for span in traced.spans if span.name.startswith("GET"))
    assert dict(served.attributes or {})["error.type"] == "incomplete_response"


def test_what_a_handler_in_a_thread_asks_for_is_below_its_request() -> None:
    traced = Traced()

    def order(request: Any) -> PlainTextResponse:
        return PlainTextResponse(requests.get(f"{stock.url}/hello", timeout=TIMEOUT).text)

    app = asgi.Middleware(Starlette(routes=[Route("/order", order)]), tracer_provider=traced.provider)
    requests_hook.instrument(tracer_provider=traced.provider)
    try:
        with serving_clients() as stock, serving(app) as url:
            assert httpx.get(f"{url}/order", timeout=TIMEOUT).text == "hello"
    finally:
        requests_hook.uninstrument()
    assert tree(nodes_of(traced.spans)) == "GET /order [SERVER]\n  GET [CLIENT]"
