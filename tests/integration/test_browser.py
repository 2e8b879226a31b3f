"""What a page of another origin may read of a traced answer, in a real browser."""

from __future__ import annotations

import json
import queue
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from pyspan.instrument.asgi import Middleware
from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import SimpleSpanProcessor
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.integration.peers import running
from tests.support.ports import free_port
from tools.components.chromium import Chromium

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PAGE = """<!doctype html><script>
async function ask(path, headers) {
  const url = "API" + path
  const answer = await fetch(url, {headers})
  await answer.text()
  let entry
  while (!(entry = performance.getEntriesByName(url)[0])) await new Promise(go => setTimeout(go, 20))
  return {
    traceresponse: answer.headers.get("traceresponse"),
    "server-timing": answer.headers.get("server-timing"),
    timing: entry.serverTiming.map(timing => timing.description),
  }
}
async function look() {
  const seen = await ask("/plain", {})
  const caller = await ask("/caller", {traceparent: "CALLER"}).then(() => "sent", error => error.name)
  await fetch("/seen", {method: "POST", body: JSON.stringify({...seen, caller})})
}
look()
</script>"""


class Shop:
    """An origin with a page that asks an API, and what the page has seen."""

    def __init__(self, api: str) -> None:
        seen: queue.Queue[dict[str, Any]] = queue.Queue()
        page = PAGE.replace("API", api).replace("CALLER", CALLER).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(page)

            def do_POST(self) -> None:
                seen.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.answer(b"")

            def answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.seen = seen
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def open(self) -> Iterator[None]:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()


async def api(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """Let any origin ask, as a framework's own CORS middleware would."""
    headers = [(b"access-control-allow-origin", b"*"), (b"access-control-allow-methods", b"GET")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"pen"})


@contextmanager
def served(app: Any, port: int) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.mark.parametrize("is_named", [True, False], ids=["a named origin", "any other origin"])
def test_a_page_reads_the_trace_and_sends_its_own_where_its_origin_is_named(tmp_path: Path, is_named: bool) -> None:
    port = free_port()
    shop = Shop(f"http://127.0.0.1:{port}")
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    app = Middleware(
        api,
        tracer_provider=provider,
        response_headers=["traceresponse", "server-timing"],
        expose_to=[shop.origin if is_named else "https://shop.example"],
    )
    with served(app, port), shop.open(), running(Chromium(tmp_path, url=shop.origin)):
        seen = shop.seen.get(timeout=60)
    spans = {span.attributes["url.path"]: span for span in exporter.get_finished_spans() if span.attributes}
    context = spans["/plain"].context
    assert context is not None
    trace = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    if is_named:
        timing = f'traceparent;desc="{trace}"'
        assert seen == {"traceresponse": trace, "server-timing": timing, "timing": [trace], "caller": "sent"}
        assert spans["/caller"].parent is not None
    else:
        assert seen == {"traceresponse": None, "server-timing": None, "timing": [], "caller": "TypeError"}
