"""The application for the W3C's suite does what the suite expects of any: it calls on, in the caller's trace."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest
from opentelemetry import propagate, trace

from pyspan.propagation import CompositePropagator, TraceContextTextMapPropagator
from pyspan.sdk.trace import TracerProvider
from tests.conformance import trace_context_app

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACE_ID, SPAN_ID = "12345678901234567890123456789012", "1234567890123456"


class Harness(BaseHTTPRequestHandler):
    """Keeps the headers of what is posted to it."""

    seen: list[dict[str, str]]

    def do_POST(self) -> None:
        self.seen.append({name.lower(): value for name, value in self.headers.items()})
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve a harness; the application traces by pyspan."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("conformance")
    monkeypatch.setattr(trace_context_app, "tracer", tracer)
    monkeypatch.setattr(propagate, "_HTTP_TEXT_FORMAT", CompositePropagator([TraceContextTextMapPropagator()]))
    monkeypatch.setattr(Harness, "seen", [], raising=False)
    with HTTPServer(("127.0.0.1", 0), Harness) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_each_call_is_made_in_the_caller_s_trace_by_a_span_of_its_own(harness: str) -> None:
    async def ask() -> None:
        transport = httpx.ASGITransport(trace_context_app.traced)  # type: ignore[arg-type]  # plain dicts do as scopes
        async with httpx.AsyncClient(transport=transport, base_url="http://application") as client:
            headers = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01", "tracestate": "foo=1"}
            calls = [{"url": harness, "arguments": []}] * 2
            (await client.post("/test", content=json.dumps(calls), headers=headers)).raise_for_status()

    anyio.run(ask)
    parents = [seen["traceparent"].split("-") for seen in Harness.seen]
    assert [parent[1] for parent in parents] == [TRACE_ID] * 2
    assert len({SPAN_ID, *(parent[2] for parent in parents)}) == 3
    assert [seen["tracestate"] for seen in Harness.seen] == ["foo=1"] * 2
    assert not trace.get_current_span().is_recording()
