"""The application that the W3C's trace-context test suite calls: `python -m tests.conformance.trace_context_app`.

It does as the suite's README asks: for each object of the posted array it posts `arguments` to `url`. The request is a
server span under the caller that its headers name, each call a client span that is injected. With `--generic` the
server span is left to `opentelemetry-instrumentation-asgi` over pyspan.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import httpx
import uvicorn
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind

import pyspan
from pyspan.propagation import CompositePropagator

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

PORT = 5000

tracer = trace.get_tracer("conformance")


async def traced(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Serve a request in a server span of our own."""
    propagator = propagate.get_global_textmap()
    assert isinstance(propagator, CompositePropagator)
    context = propagator.extract_headers(scope["headers"])
    with tracer.start_as_current_span("POST /test", context, SpanKind.SERVER):
        await forward(scope, receive, send)


async def forward(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Post what the body asks for, then answer."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    async with httpx.AsyncClient(timeout=5) as client:
        for call in json.loads(body):
            await post(client, call["url"], call["arguments"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b"[]"})


async def post(client: httpx.AsyncClient, url: str, arguments: list[Any]) -> None:
    """Call on in a client span."""
    with tracer.start_as_current_span("POST", kind=SpanKind.CLIENT):
        headers: dict[str, str] = {}
        propagate.inject(headers)
        (await client.post(url, json=arguments, headers=headers)).raise_for_status()


def main() -> None:
    """Serve until interrupted."""
    pyspan.configure("trace-context-conformance", exporter="none")
    application: Any = traced
    if "--generic" in sys.argv:
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

        application = OpenTelemetryMiddleware(forward)
    uvicorn.run(application, host="127.0.0.1", port=PORT, lifespan="off", log_level="warning")


if __name__ == "__main__":
    main()
