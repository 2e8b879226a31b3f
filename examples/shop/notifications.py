"""The notifications service: reads paid orders from Kafka and writes a notice for each into its database."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer
from opentelemetry import trace
from opentelemetry.propagate import extract
from sqlalchemy import create_engine, text
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from examples.shop import started

started.open_from_environment()
log = logging.getLogger("shop.notifications")
tracer = trace.get_tracer("shop.notifications")
engine = create_engine(os.environ["SHOP_DATABASE"])
broker = os.environ.get("SHOP_KAFKA")
SELECT_COUNT = text("SELECT count(*) FROM notices")


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS notices (order_id INTEGER, words TEXT)"))
    if not broker:
        yield
        return
    async with AIOKafkaConsumer("shop_orders", bootstrap_servers=broker, auto_offset_reset="earliest") as consumer:
        reading = asyncio.create_task(read(consumer))
        yield
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading


async def read(consumer: AIOKafkaConsumer) -> None:
    async for message in consumer:
        carrier = {key: value.decode() for key, value in message.headers}
        with tracer.start_as_current_span("send notice", context=extract(carrier)) as span:
            notice = json.loads(message.value)
            span.set_attributes({"shop.order": notice["order"], "shop.channel": "mail"})
            await run_in_threadpool(write, notice)


def write(notice: dict[str, Any]) -> None:
    words = f"Your {notice['item']} is on its way"
    with engine.begin() as connection:
        values = {"order": notice["order"], "words": words}
        connection.execute(text("INSERT INTO notices (order_id, words) VALUES (:order, :words)"), values)
    log.info("order %s: %s", notice["order"], words)


async def take_notice(request: Request) -> JSONResponse:
    await run_in_threadpool(write, await request.json())
    return JSONResponse({}, status_code=201)


def count() -> int:
    with engine.begin() as connection:
        return int(connection.execute(SELECT_COUNT).scalar_one())


async def notices(_request: Request) -> JSONResponse:
    return JSONResponse({"notices": await run_in_threadpool(count)})


routes = [Route("/notices", take_notice, methods=["POST"]), Route("/notices", notices)]
app = Starlette(routes=routes, lifespan=lifespan)
