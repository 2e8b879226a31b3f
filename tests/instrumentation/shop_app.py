"""An application that knows nothing of tracing: ASGI and WSGI servers, HTTP clients, databases, threads and tasks."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import sys
import threading
import time
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, make_server

import fastapi
import flask
import httpx
import requests
import sqlalchemy
import uvicorn

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("shop")
stock = flask.Flask("stock")


@stock.get("/stock/<item>")
def count(item: str) -> str:
    """Count an item with the sqlite3 module."""
    with sqlite3.connect(":memory:") as database:
        cursor = database.cursor()
        cursor.execute("SELECT 3")
        return f"{cursor.fetchone()[0]} of {item}"


@stock.get("/broken")
def fail() -> str:
    """Fail as applications do."""
    raise ValueError("out of stock")


def build(port: int) -> fastapi.FastAPI:
    """Make the front, which asks the stock over HTTP; built late, since instrumentation replaces the class."""
    app = fastapi.FastAPI()
    engine = sqlalchemy.create_engine("sqlite://")

    @app.get("/orders/{number}")
    async def order(number: int) -> dict[str, str]:
        logger.warning("order %d", number)
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))
        counted = await asyncio.to_thread(requests.get, f"http://127.0.0.1:{port}/stock/pen", timeout=5)
        return {"stock": counted.text}

    @app.get("/broken")
    async def broken() -> None:
        raise ValueError("no such order")

    return app


class Quiet(WSGIRequestHandler):
    """Serves without a word."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the standard library
        """Say nothing."""


async def use(front: str) -> None:
    """Call the front by httpx."""
    async with httpx.AsyncClient(base_url=front) as client:
        answer = await client.get("/orders/7")
        assert answer.json() == {"stock": "3 of pen"}, answer.text
        assert (await client.get("/broken")).status_code == 500


def serve(stock_port: int, front_port: int) -> Callable[[], None]:
    """Start both servers in threads; return what stops them."""
    wsgi = make_server("127.0.0.1", stock_port, stock, handler_class=Quiet)
    config = uvicorn.Config(build(stock_port), port=front_port, log_config=None, lifespan="off")
    asgi = uvicorn.Server(config)
    threads = [threading.Thread(target=run) for run in (wsgi.serve_forever, asgi.run)]
    for thread in threads:
        thread.start()
    while not asgi.started:
        time.sleep(0.01)

    def stop() -> None:
        asgi.should_exit = True
        wsgi.shutdown()
        for thread in threads:
            thread.join()
        wsgi.server_close()

    return stop


def main() -> None:
    """Serve both and use both, on the ports of the command line."""
    stock_port, front_port = map(int, sys.argv[1:])
    stock.logger.disabled = True
    stop = serve(stock_port, front_port)
    try:
        asyncio.run(use(f"http://127.0.0.1:{front_port}"))
        assert requests.get(f"http://127.0.0.1:{stock_port}/broken", timeout=5).status_code == 500
    finally:
        stop()


if __name__ == "__main__":
    main()
