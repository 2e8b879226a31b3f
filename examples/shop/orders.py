"""The orders service: writes the order down, has payments charge the card, and tells notifications through Kafka."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from aiokafka import AIOKafkaProducer
from sqlalchemy import create_engine, text
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from examples.shop import started

started.open_from_environment()
log = logging.getLogger("shop.orders")
engine = create_engine(os.environ["SHOP_DATABASE"])
broker = os.environ.get("SHOP_KAFKA")


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, item TEXT, state TEXT)"))
    async with AsyncExitStack() as stack:
        app.state.http = await stack.enter_async_context(httpx.AsyncClient(timeout=10, trust_env=False))
        if broker:
            app.state.kafka = await stack.enter_async_context(AIOKafkaProducer(bootstrap_servers=broker))
        yield


def save(item: str) -> int:
    with engine.begin() as connection:
        new = connection.execute(text("INSERT INTO orders (item, state) VALUES (:item, 'new')"), {"item": item})
        return int(new.lastrowid)


def close(order: int, state: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE orders SET state = :state WHERE id = :id"), {"state": state, "id": order})


async def notify(app: Starlette, notice: dict[str, object]) -> None:
    """Send the notice by Kafka, or straight to notifications where there is no broker."""
    if broker:
        await app.state.kafka.send_and_wait("shop_orders", json.dumps(notice).encode())
    else:
        await app.state.http.post(f"{os.environ['SHOP_NOTIFICATIONS']}/notices", json=notice)


async def place_order(request: Request) -> JSONResponse:
    wanted = await request.json()
    order = await run_in_threadpool(save, wanted["item"])
    charge = {"order": order, "amount": wanted["amount"], "card": wanted["card"]}
    charged = await request.app.state.http.post(f"{os.environ['SHOP_PAYMENTS']}/charges", json=charge)
    if charged.status_code == httpx.codes.PAYMENT_REQUIRED:
        log.warning("order %d: the card was declined", order)
        await run_in_threadpool(close, order, "declined")
        return JSONResponse({"order": order, "state": "declined"}, status_code=402)
    charged.raise_for_status()
    await run_in_threadpool(close, order, "paid")
    await notify(request.app, {"order": order, "item": wanted["item"]})
    log.info("order %d: paid", order)
    return JSONResponse({"order": order, "state": "paid"}, status_code=201)


async def gateway_failed(_request: Request, error: Exception) -> JSONResponse:
    log.error("payments failed: %s", error)
    return JSONResponse({"error": str(error)}, status_code=502)


app = Starlette(
    routes=[Route("/orders", place_order, methods=["POST"])],
    exception_handlers={httpx.HTTPStatusError: gateway_failed},
    lifespan=lifespan,
)
