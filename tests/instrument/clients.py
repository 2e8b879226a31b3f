"""The clients that `pyspan.instrument` traces, called alike, and a server for them."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import aiohttp
import httpx
import requests

from pyspan.instrument import aiohttp as aiohttp_hook
from pyspan.instrument import httpx as httpx_hook
from pyspan.instrument import requests as requests_hook

__all__ = ["CLIENTS", "TIMEOUT", "Client", "Server", "serving"]

TIMEOUT = 30


class Server(ThreadingHTTPServer):
    """Answers as the path says, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.seen: list[dict[str, str]] = []
        self.asked = threading.Event()  # a request for /slow is there
        self.release = threading.Event()  # it may be answered


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.seen.append({name.lower(): value for name, value in self.headers.items()})
        self._read_body()
        word, _, rest = self.path.lstrip("/").partition("?")[0].partition("/")
        getattr(self, f"_{word}", lambda rest: self._answer(int(word)))(rest)

    do_POST = do_HEAD = do_BREW = do_GET  # noqa: N815 - the names that the server looks for

    def _read_body(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        size = 1 if "chunked" in self.headers.get("transfer-encoding", "") else 0
        while size:
            size = int(self.rfile.readline(), 16)
            self.rfile.read(size + len("\r\n"))

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def _hello(self, rest: str) -> None:
        self._answer(200, b"hello", X_Kind="greeting", Set_Cookie="id=7")

    def _hops(self, rest: str) -> None:
        left = int(rest)
        if left:
            self._answer(302, location=f"/hops/{left - 1}")
        else:
            self._answer(200)

    def _to(self, rest: str) -> None:
        self._answer(307, location=f"http://{rest}")

    def _limited(self, rest: str) -> None:
        self._answer(429, retry_after="3", x_ratelimit_remaining="0", x_other="1")

    def _slow(self, rest: str) -> None:
        self.server.asked.set()
        self.server.release.wait(TIMEOUT)
        self.close_connection = True

    def _parts(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nhello\r\n")
        self.server.asked.set()
        self.server.release.wait(TIMEOUT)
        self.wfile.write(b"0\r\n\r\n")

    def _digest(self, rest: str) -> None:
        if "authorization" in self.headers:
            self._answer(200)
        else:
            self._answer(401, www_authenticate='Digest realm="shop", nonce="n", qop="auth", algorithm=MD5')

    def _drop(self, rest: str) -> None:
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve in threads until the block ends."""
    server = Server()
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Client:
    """One library: its hook, the name of OpenTelemetry's package, and what asks, follows redirects, reads the body."""

    name: str
    hook: Any
    package: str
    ask: Callable[..., tuple[int, bytes]]

    def __str__(self) -> str:
        return self.name


def _httpx(url: str, method: str = "GET", timeout: float = TIMEOUT, **options: Any) -> tuple[int, bytes]:
    with httpx.Client(follow_redirects=True, timeout=timeout) as client:
        response = client.request(method, url, **options)
        return response.status_code, response.content


def _httpx_async(url: str, method: str = "GET", timeout: float = TIMEOUT, **options: Any) -> tuple[int, bytes]:
    async def ask() -> tuple[int, bytes]:
        async with httpx.AsyncClient(follow_redirects=True, timeout=timeout) as client:
            response = await client.request(method, url, **options)
            return response.status_code, response.content

    return asyncio.run(ask())


def _requests(url: str, method: str = "GET", timeout: float = TIMEOUT, **options: Any) -> tuple[int, bytes]:
    with requests.Session() as session:
        response = session.request(method, url, timeout=timeout, **options)
        return response.status_code, response.content


def _aiohttp(url: str, method: str = "GET", timeout: float = TIMEOUT, **options: Any) -> tuple[int, bytes]:
    async def ask() -> tuple[int, bytes]:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout)) as session,
            session.request(method, url, **options) as response,
        ):
            return response.status, await response.read()

    return asyncio.run(ask())


CLIENTS = (
    Client("httpx", httpx_hook, "httpx", _httpx),
    Client("httpx-async", httpx_hook, "httpx", _httpx_async),
    Client("requests", requests_hook, "requests", _requests),
    Client("aiohttp", aiohttp_hook, "aiohttp_client", _aiohttp),
)
