"""The payments service: charges a card, some of which are slow, are declined or break the terminal."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opentelemetry import trace
from sqlalchemy import create_engine, text
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from examples.shop import started

started.open_from_environment()
log = logging.getLogger("shop.payments")
engine = create_engine(os.environ["SHOP_DATABASE"])
SLOW_SECONDS = 0.25


class TerminalBrokenError(RuntimeError):
    """The card terminal does not answer."""


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS charges (order_id INTEGER, amount INTEGER)"))
    yield


def book(order: int, amount: int) -> None:
    with engine.begin() as connection:
        values = {"order": order, "amount": amount}
        connection.execute(text("INSERT INTO charges (order_id, amount) VALUES (:order, :amount)"), values)


async def charge(request: Request) -> JSONResponse:
    wanted = await request.json()
    if wanted["card"] == "slow":
        await asyncio.sleep(SLOW_SECONDS)
    if wanted["card"] == "declined":
        return JSONResponse({"error": "declined"}, status_code=402)
    if wanted["card"] == "broken":
        raise TerminalBrokenError("the card terminal does not answer")
    await run_in_threadpool(book, wanted["order"], wanted["amount"])
    log.info("charged %d for order %d", wanted["amount"], wanted["order"])
    return JSONResponse({"charged": wanted["amount"]}, status_code=201)


async def terminal_broke(_request: Request, error: Exception) -> JSONResponse:
    """Answer in order: left to itself the server would close the connection under the next charge."""
    trace.get_current_span().record_exception(error)
    log.error("%s", error)
    return JSONResponse({"error": str(error)}, status_code=500)


app = Starlette(
    routes=[Route("/charges", charge, methods=["POST"])],
    exception_handlers={TerminalBrokenError: terminal_broke},
    lifespan=lifespan,
)
