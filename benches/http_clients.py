"""Requests of clients that reach no network: what is timed is the library and what is put around it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import aiohttp
import httpcore
import httpx
import requests
import urllib3
from multidict import CIMultiDict
from requests.adapters import HTTPAdapter

__all__ = ["aiohttp_requests", "httpx_requests", "requests_requests"]

URL = "http://shop.example:8080/orders/17?page=2"
HEADERS = {"content-type": "text/plain", "content-length": "8"}
BODY = b"an order"


class _Pool:
    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        return httpcore.Response(
            200, headers=list(HEADERS.items()), content=BODY, extensions={"http_version": b"HTTP/1.1"}
        )


def httpx_requests() -> Callable[[int], None]:
    """Return what sends so many requests by one client."""
    transport = httpx.HTTPTransport()
    transport._pool = _Pool()  # type: ignore[assignment]
    client = httpx.Client(transport=transport)

    def run(count: int) -> None:
        for _ in range(count):
            assert client.get(URL).content == BODY

    return run


class _Canned(HTTPAdapter):
    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        return self

    def urlopen(self, **request: Any) -> urllib3.HTTPResponse:
        return urllib3.HTTPResponse(BytesIO(BODY), HEADERS, 200, version=11, preload_content=False)


def requests_requests() -> Callable[[int], None]:
    """Return the same by one session."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", _Canned())

    def run(count: int) -> None:
        for _ in range(count):
            assert session.get(URL, timeout=5).content == BODY

    return run


class _Answer(SimpleNamespace):
    async def start(self, connection: Any) -> None:
        pass


class _Connector(aiohttp.TCPConnector):
    async def connect(self, *args: Any, **options: Any) -> Any:
        return SimpleNamespace(protocol=SimpleNamespace(set_response_params=lambda **_: None), close=lambda: None)


class _Request(aiohttp.ClientRequest):
    async def send(self, connection: Any) -> aiohttp.ClientResponse:
        headers = CIMultiDict(HEADERS)
        return _Answer(  # type: ignore[return-value]
            status=200, version=aiohttp.HttpVersion11, headers=headers, _raw_cookie_headers=(), connection=None
        )


def aiohttp_requests() -> Callable[[int], None]:
    """Return the same by one session of aiohttp a round, without the bodies."""

    async def ask(count: int) -> None:
        async with aiohttp.ClientSession(connector=_Connector(), request_class=_Request) as session:
            for _ in range(count):
                response = await session.get(URL)
                assert response.status == 200

    return lambda count: asyncio.run(ask(count))
